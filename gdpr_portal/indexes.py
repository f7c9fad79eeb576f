"""Indexes of large tables, made beside everybody's work."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently


class IndexBeside(AddIndexConcurrently):
    """`CREATE INDEX CONCURRENTLY` that can be begun again.

    What a run that broke off left, done or not, is taken away first. It waits for every transaction that is open, but
    nobody waits for it: so the limit with which `manage migrate` asks for a table is none of its own.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', '0', false)")
            limit, _none = cursor.fetchone()
            try:
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            finally:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [limit])
