-- The roles of a store in PostgreSQL: the owner applies, the runner runs and has no right to change tables.
-- The image of PostgreSQL runs this once, with psql, when it makes the database (compose.yaml). By hand:
--   psql --dbname flowrun --set owner_password=… --set runner_password=… --file roles.sql
\if :{?owner_password}
\else
\set owner_password `cat /run/secrets/owner_password`
\set runner_password `cat /run/secrets/runner_password`
\endif

CREATE ROLE flowrun_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE flowrun_runner LOGIN PASSWORD :'runner_password';

CREATE SCHEMA flowrun AUTHORIZATION flowrun_owner;
ALTER ROLE flowrun_owner SET search_path = flowrun;
ALTER ROLE flowrun_runner SET search_path = flowrun;

GRANT USAGE ON SCHEMA flowrun TO flowrun_runner;
-- What the owner makes later, too: tables of a newer flowrun.
ALTER DEFAULT PRIVILEGES FOR ROLE flowrun_owner IN SCHEMA flowrun
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO flowrun_runner;
ALTER DEFAULT PRIVILEGES FOR ROLE flowrun_owner IN SCHEMA flowrun
    GRANT USAGE, SELECT ON SEQUENCES TO flowrun_runner;
