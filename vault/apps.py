from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.core import checks

        from vault import checkpoint_key, planner

        checks.register(planner.check_names, checks.Tags.security)
        checks.register(planner.check_rows, checks.Tags.database)
        checkpoint_key.register()
