-- The role of a running service owns nothing. What of the outbox has to be made and dropped while it runs is done here
-- with the rights of the owner, and no more than that.
CREATE FUNCTION make_outbox_partition(first_id bigint, beyond bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'outbox_from_' || first_id;
BEGIN
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.outbox FOR VALUES FROM (%s) TO (%s)', name, first_id, beyond);
    RETURN name;
END
$$;

-- Whether it was dropped: only what was published to its last row, without gaps, and is all older than the moment given.
CREATE FUNCTION drop_outbox_partition(first_id bigint, beyond bigint, older_than timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'outbox_from_' || first_id;
    newest timestamptz;
BEGIN
    IF beyond > (SELECT coalesce(lower(gaps), scanned + 1) FROM outbox_position)
       OR pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = to_regclass('public.' || name)), to_regclass('public.' || name))
          IS DISTINCT FROM format('FOR VALUES FROM (%L) TO (%L)', first_id, beyond) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT max(created_at) FROM public.%I', name) INTO newest;
    IF newest >= older_than THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN true;
END
$$;

-- How many rows went of those that no partition made ahead took.
CREATE FUNCTION purge_outbox_default(older_than timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM outbox_default
         WHERE created_at < older_than AND id < (SELECT coalesce(lower(gaps), scanned + 1) FROM outbox_position)
        RETURNING id)
    SELECT count(*) FROM gone
$$;

REVOKE EXECUTE ON FUNCTION make_outbox_partition, drop_outbox_partition, purge_outbox_default FROM PUBLIC;
