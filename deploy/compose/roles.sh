#!/bin/sh
# Run once by the database container when its volume is new: the owner of the schema and the two restricted roles.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v owner_password="$OWNER_PASSWORD" -v app_password="$APP_PASSWORD" -v sequencer_password="$SEQUENCER_PASSWORD" <<'SQL'
-- PostgreSQL 15 gives the schema public to the owner of the database by a role that has to be inherited.
CREATE ROLE gdpr_owner LOGIN INHERIT PASSWORD :'owner_password';
CREATE ROLE gdpr_app LOGIN NOINHERIT PASSWORD :'app_password';
CREATE ROLE gdpr_sequencer LOGIN NOINHERIT PASSWORD :'sequencer_password';
-- An administrator who is no superuser (managed PostgreSQL) gives a database to a role only as its member.
GRANT gdpr_owner TO CURRENT_USER;
CREATE DATABASE gdpr_portal OWNER gdpr_owner;
REVOKE ALL ON DATABASE gdpr_portal FROM PUBLIC;
GRANT CONNECT ON DATABASE gdpr_portal TO gdpr_app, gdpr_sequencer;
SQL
