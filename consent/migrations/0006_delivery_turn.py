"""Each application's notices that are due are found by themselves, so that all have their turn."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0005_revisions_are_kept")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "sending"])),
                fields=["application", "next_at"],
                name="delivery_turn",
            ),
        ),
    ]
