-- The functions that PostgreSQL has in the place of those that `functions` registers on SQLite: the same names, the same
-- answers. What stands between two @ is filled in by `postgresql_functions`.
-- Nothing depends on a setting of the session or the language of the database: texts are folded and ordered under "C",
-- dates are put together digit by digit. Tables are found by the caller's search path, so that previews bring their own.

-- What was computed, as a column takes it; NULL beyond 64 bits, which an overflow upstream has told already.
CREATE OR REPLACE FUNCTION fr_stored(number numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN CAST(number AS bigint) END
$$;

-- Unicode's simple case mapping, as Python's data have it. `translate` tries its characters one by one for each that it
-- meets: the shorter list serves most texts.
CREATE OR REPLACE FUNCTION fr_lower(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN octet_length(given) = length(given) THEN lower(given COLLATE "C")
    WHEN given COLLATE "C" !~ '[^\u0001-\u00ff\u0400-\u045f\u2000-\u20cf\u2116]'
      THEN translate(lower(given COLLATE "C"), '@LOWER_SOME_FROM@', '@LOWER_SOME_TO@')
    ELSE translate(lower(given COLLATE "C"), '@LOWER_FROM@', '@LOWER_TO@')
  END
$$;

CREATE OR REPLACE FUNCTION fr_upper(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN octet_length(given) = length(given) THEN upper(given COLLATE "C")
    WHEN given COLLATE "C" !~ '[^\u0001-\u00ff\u0400-\u045f\u2000-\u20cf\u2116]'
      THEN translate(upper(given COLLATE "C"), '@UPPER_SOME_FROM@', '@UPPER_SOME_TO@')
    ELSE translate(upper(given COLLATE "C"), '@UPPER_FROM@', '@UPPER_TO@')
  END
$$;

-- A whole number without its last digits, rounded half to even.
CREATE OR REPLACE FUNCTION fr_round(number numeric, digits bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT whole + sign(number) * CASE
      WHEN twice > unit OR (twice = unit AND mod(whole, 2) <> 0) THEN 1 ELSE 0 END
  FROM (SELECT power(10::numeric, digits) AS unit) AS u,
    LATERAL (SELECT div(number, unit) AS whole, 2 * abs(mod(number, unit)) AS twice) AS parts
$$;

-- A number scaled by its places, as people write it: -5 with 2 places is -0.05.
CREATE OR REPLACE FUNCTION fr_number_text(number numeric, places integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CAST(number * CASE places WHEN 0 THEN 1 WHEN 1 THEN 0.1 WHEN 2 THEN 0.01 WHEN 3 THEN 0.001
    WHEN 4 THEN 0.0001 WHEN 5 THEN 0.00001 WHEN 6 THEN 0.000001 END AS text)
$$;

-- Dates as ISO texts, and as their number since 0001-01-01; the years 1 to 9999 have the numbers 0 to 3652058.
CREATE OR REPLACE FUNCTION fr_day_number(day text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT make_date(CAST(left(day, 4) AS integer), CAST(substr(day, 6, 2) AS integer),
    CAST(substr(day, 9, 2) AS integer)) - make_date(1, 1, 1)
$$;

CREATE OR REPLACE FUNCTION fr_day_text(number bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT lpad(CAST(extract(year FROM day) AS text), 4, '0') || '-' ||
    lpad(CAST(extract(month FROM day) AS text), 2, '0') || '-' || lpad(CAST(extract(day FROM day) AS text), 2, '0')
  FROM (SELECT make_date(1, 1, 1) + CAST(number AS integer) AS day) AS d
$$;

CREATE OR REPLACE FUNCTION fr_shift_days(day text, days numeric, sign bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  moved numeric := fr_day_number(day) + sign * days;
BEGIN
  RETURN CASE WHEN moved BETWEEN 0 AND 3652058 THEN fr_day_text(CAST(moved AS bigint)) END;
END
$$;

-- Sets of tags: JSON arrays without spaces, by code point. An empty set is NULL.
CREATE OR REPLACE FUNCTION fr_tags_text(tags text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg(tag, ', ' ORDER BY place)
  FROM json_array_elements_text(CAST(nullif(tags, '') AS json)) WITH ORDINALITY AS t(tag, place)
$$;

CREATE OR REPLACE FUNCTION fr_add_tags(tags text, more text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT '[' || string_agg(CAST(to_json(tag) AS text), ',' ORDER BY tag COLLATE "C") || ']'
  FROM (
    SELECT tag FROM json_array_elements_text(CAST(nullif(tags, '') AS json)) AS one(tag)
    UNION SELECT tag FROM json_array_elements_text(CAST(more AS json)) AS other(tag) WHERE tags <> ''
  ) AS t
$$;

CREATE OR REPLACE FUNCTION fr_drop_tags(tags text, fewer text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT '[' || string_agg(CAST(to_json(tag) AS text), ',' ORDER BY tag COLLATE "C") || ']'
  FROM (
    SELECT tag FROM json_array_elements_text(CAST(nullif(tags, '') AS json)) AS one(tag)
    EXCEPT SELECT tag FROM json_array_elements_text(CAST(fewer AS json)) AS other(tag)
  ) AS t
$$;

-- The id of a copy: see `functions.copy_id`.
CREATE OR REPLACE FUNCTION fr_copy_id(root text, deal text, tunnel text, entry bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  alphabet CONSTANT text := 'abcdefghijklmnopqrstuvwxyz234567';
  digest bytea := sha256(convert_to(deal, 'UTF8') || '\x00'::bytea || convert_to(tunnel, 'UTF8') || '\x00'::bytea ||
    convert_to(CAST(entry AS text), 'UTF8'));
  bits bigint := CAST(CAST('x' || encode(digest, 'hex') AS bit(50)) AS bigint);
BEGIN
  -- Written out, since a loop takes twice as long, and a million copies are made.
  RETURN root || '~' ||
    substr(alphabet, CAST((bits >> 45) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 40) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 35) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 30) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 25) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 20) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 15) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 10) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST((bits >> 5) & 31 AS integer) + 1, 1) ||
    substr(alphabet, CAST(bits & 31 AS integer) + 1, 1);
END
$$;

-- What a source knows a firing by: see `functions.firing_key`.
CREATE OR REPLACE FUNCTION fr_firing_key(store text, deal text, tunnel text, entry bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT substr(encode(sha256(convert_to(store, 'UTF8') || '\x00'::bytea || convert_to(deal, 'UTF8') ||
    '\x00'::bytea || convert_to(tunnel, 'UTF8') || '\x00'::bytea || convert_to(CAST(entry AS text), 'UTF8')), 'hex'),
    1, 32)
$$;

-- Local time. `zone_offsets` has, by zone, since when (ms, UTC) which offset (ms) is in force, and the local time
-- (`end_wall`) before which it is: see `postgresql_times`. Where Python raises OverflowError, these are NULL.
CREATE OR REPLACE FUNCTION fr_wall(instant bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  wall bigint;
BEGIN
  IF instant NOT BETWEEN -62135596800000 AND 253402300799999 THEN
    RETURN NULL;
  END IF;
  SELECT instant + utc_offset INTO wall FROM zone_offsets
    WHERE zone = of_zone AND since <= instant ORDER BY since DESC LIMIT 1;
  IF wall IS NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'the store does not know the time zone ' || quote_literal(of_zone),
      HINT = 'apply the flow again', ERRCODE = 'FR001';
  END IF;
  RETURN CASE WHEN wall BETWEEN -62135596800000 AND 253402300799999 THEN wall END;
END
$$;

-- The first instant at which the local time has come: the end of a gap, the first of two in a fold.
CREATE OR REPLACE FUNCTION fr_of_wall(wall bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  instant bigint;
BEGIN
  IF wall NOT BETWEEN -62135596800000 AND 253402300799999 THEN
    RETURN NULL;
  END IF;
  SELECT greatest(since, wall - utc_offset) INTO instant FROM zone_offsets
    WHERE zone = of_zone AND end_wall > wall ORDER BY end_wall LIMIT 1;
  IF instant IS NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'the store does not know the time zone ' || quote_literal(of_zone),
      HINT = 'apply the flow again', ERRCODE = 'FR001';
  END IF;
  RETURN CASE WHEN instant BETWEEN -62135596800000 AND 253402300799999 THEN instant END;
END
$$;

CREATE OR REPLACE FUNCTION fr_local_date(instant bigint, of_zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN fr_day_text((fr_wall(instant, of_zone) + 62135596800000) / 86400000);
END
$$;

CREATE OR REPLACE FUNCTION fr_local_text(instant bigint, of_zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  wall bigint := fr_wall(instant, of_zone) + 62135596800000;
  ms integer := mod(wall, 60000);
BEGIN
  RETURN fr_day_text(wall / 86400000) || 'T' || lpad(CAST(mod(wall / 3600000, 24) AS text), 2, '0') || ':' ||
    lpad(CAST(mod(wall / 60000, 60) AS text), 2, '0') ||
    CASE WHEN ms = 0 THEN '' ELSE ':' || lpad(CAST(ms / 1000 AS text), 2, '0') END ||
    CASE WHEN mod(ms, 1000) = 0 THEN '' ELSE '.' || lpad(CAST(mod(ms, 1000) AS text), 3, '0') END;
END
$$;

-- What is due beyond the years 1-9999 is due at their end, as in `functions`.
CREATE OR REPLACE FUNCTION fr_in_time(instant bigint, later boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN instant BETWEEN -62135596800000 AND 253402300799999 THEN instant
    WHEN later THEN 253402300799999 ELSE -62135596800000 END
$$;

CREATE OR REPLACE FUNCTION fr_shift(instant bigint, days bigint, ms bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN fr_in_time(fr_moved(instant, days, ms, of_zone), instant > 0);
END
$$;

-- So many days on the wall clock later, then so many ms; perhaps outside the years 1-9999, where the days lead there NULL.
CREATE OR REPLACE FUNCTION fr_moved(instant bigint, days bigint, ms bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF days = 0 THEN
    RETURN least(greatest(instant, -9000000000000000), 9000000000000000) + ms;  -- so that it can't overflow
  END IF;
  RETURN fr_of_wall(fr_wall(instant, of_zone) + days * 86400000, of_zone) + ms;
END
$$;

-- The due instant of `at:`; `time` is in ms since local midnight, or NULL.
CREATE OR REPLACE FUNCTION fr_at(moment bigint, days bigint, ms bigint, time_of_day bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF moment IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN fr_in_time(fr_with_time(fr_moved(moment, days, ms, of_zone), time_of_day, of_zone), moment > 0);
END
$$;

CREATE OR REPLACE FUNCTION fr_at(moment text, days bigint, ms bigint, time_of_day bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  day bigint := fr_day_number(moment) - 719162;
BEGIN
  IF moment IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN fr_in_time(
    fr_with_time(fr_of_wall((day + days) * 86400000, of_zone) + ms, time_of_day, of_zone), day > 0);
END
$$;

-- The instant with that time of day on its local date, where one is given; NULL outside the years 1-9999.
CREATE OR REPLACE FUNCTION fr_with_time(instant bigint, time_of_day bigint, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  wall bigint;
BEGIN
  IF time_of_day IS NULL OR instant NOT BETWEEN -62135596800000 AND 253402300799999 THEN
    RETURN CASE WHEN instant BETWEEN -62135596800000 AND 253402300799999 THEN instant END;
  END IF;
  wall := fr_wall(instant, of_zone);
  RETURN fr_of_wall(wall - mod(wall + 62135596800000, 86400000) + time_of_day, of_zone);
END
$$;

-- The calendar of that key.
CREATE OR REPLACE FUNCTION fr_calendar(of_calendar text) RETURNS calendars
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  c calendars;
BEGIN
  SELECT * INTO c FROM calendars WHERE key = of_calendar;
  IF c.id IS NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'the store does not know the working time of a calendar that the flow uses',
      HINT = 'apply the flow again', ERRCODE = 'FR001';
  END IF;
  RETURN c;
END
$$;

-- Working time, in the days and spans that `postgresql_times` has filled in for the years 1970-2199: NULL where it starts
-- or leads outside of these.
CREATE OR REPLACE FUNCTION fr_worked(instant bigint, days bigint, ms bigint, of_calendar text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  c calendars;
  wall bigint;
  today integer;
  place integer;
  open_time bigint;
  found bigint;
BEGIN
  IF days = 0 AND ms = 0 THEN
    RETURN instant;
  END IF;
  c := fr_calendar(of_calendar);
  IF instant < c.starts OR instant >= c.ends THEN
    RETURN NULL;
  ELSIF days = 0 THEN
    SELECT before + least(instant, closes) - opens INTO open_time FROM calendar_spans
      WHERE calendar = c.id AND opens <= instant ORDER BY opens DESC LIMIT 1;
    open_time := coalesce(open_time, 0) + ms;
    IF open_time < 0 OR open_time > c.open_time THEN
      RETURN NULL;
    ELSIF ms > 0 THEN
      SELECT opens + open_time - before INTO found FROM calendar_spans
        WHERE calendar = c.id AND before < open_time ORDER BY before DESC LIMIT 1;
    ELSE
      SELECT opens + open_time - before INTO found FROM calendar_spans
        WHERE calendar = c.id AND before <= open_time ORDER BY before DESC LIMIT 1;
    END IF;
    RETURN found;
  END IF;
  wall := fr_wall(instant, c.zone) + 62135596800000;
  today := wall / 86400000 - 719162;
  IF days > 0 THEN
    SELECT n INTO place FROM calendar_days WHERE calendar = c.id AND day <= today ORDER BY day DESC LIMIT 1;
    place := coalesce(place, 0) + days;
  ELSE
    SELECT n INTO place FROM calendar_days WHERE calendar = c.id AND day >= today ORDER BY day LIMIT 1;
    place := coalesce(place, c.days + 1) + days;
  END IF;
  SELECT day INTO found FROM calendar_days WHERE calendar = c.id AND n = place;
  RETURN fr_of_wall(found * 86400000 + mod(wall, 86400000), c.zone);
END
$$;

CREATE OR REPLACE FUNCTION fr_business(instant bigint, days bigint, ms bigint, of_calendar text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN fr_in_time(fr_worked(instant, days, ms, of_calendar), days + ms > 0);
END
$$;

CREATE OR REPLACE FUNCTION fr_at_business(
  moment bigint, days bigint, ms bigint, time_of_day bigint, of_zone text, of_calendar text
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF moment IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN fr_in_time(fr_with_time(fr_worked(moment, days, ms, of_calendar), time_of_day, of_zone), days + ms > 0);
END
$$;

CREATE OR REPLACE FUNCTION fr_at_business(
  moment text, days bigint, ms bigint, time_of_day bigint, of_zone text, of_calendar text
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF moment IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN coalesce(
    fr_at_business(fr_of_wall((fr_day_number(moment) - 719162)::bigint * 86400000, of_zone), days, ms, time_of_day,
      of_zone, of_calendar),
    fr_in_time(NULL, days + ms > 0));
END
$$;

CREATE OR REPLACE FUNCTION fr_next_open(instant bigint, of_calendar text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  c calendars := fr_calendar(of_calendar);
  found bigint;
BEGIN
  IF instant < c.starts OR instant >= c.ends THEN
    RETURN NULL;
  END IF;
  SELECT closes INTO found FROM calendar_spans
    WHERE calendar = c.id AND opens <= instant ORDER BY opens DESC LIMIT 1;
  IF found > instant THEN
    RETURN instant;
  END IF;
  SELECT opens INTO found FROM calendar_spans WHERE calendar = c.id AND opens > instant ORDER BY opens LIMIT 1;
  RETURN found;
END
$$;


-- What the triggers ask of a value (`postgresql_triggers`).

CREATE OR REPLACE FUNCTION fr_is_date(day text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN day ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' AND left(day, 4) <> '0000'
    THEN right(day, 2)::integer <= extract(day FROM
      make_date(left(day, 4)::integer, substr(day, 6, 2)::integer, 1) + interval '1 month' - interval '1 day')
    ELSE false END
$$;

CREATE OR REPLACE FUNCTION fr_is_tags(tags text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN jsonb_typeof(tags::jsonb) = 'array' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(tags::jsonb) AS one WHERE jsonb_typeof(one) <> 'string' OR one = '""'::jsonb);
EXCEPTION WHEN data_exception THEN
  RETURN false;
END
$$;


-- What is left of a value whose field changes its type: `expr.convert`, with both sides as texts. The types are what
-- `columns.type_text` writes: kind, places, values.
CREATE OR REPLACE FUNCTION fr_converted(given text, old_type text, new_type text, of_zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  old_kind text := CAST(old_type AS json) ->> 0;
  new_kind text := CAST(new_type AS json) ->> 0;
  old_places integer := CAST(old_type AS json) ->> 1;
  new_places integer := CAST(new_type AS json) ->> 1;
  made text;
BEGIN
  IF given = '' THEN
    RETURN NULL;
  ELSIF old_kind IN ('decimal', 'integer') AND new_kind = 'decimal' THEN
    RETURN fr_rescaled(CAST(given AS numeric), new_places - old_places);
  ELSIF old_kind = 'decimal' AND new_kind = 'integer' THEN
    RETURN CASE WHEN mod(CAST(given AS numeric), power(10::numeric, old_places)) = 0
      THEN CAST(div(CAST(given AS numeric), power(10::numeric, old_places)) AS text) END;
  ELSIF old_kind = new_kind AND old_kind <> 'enum' THEN
    RETURN given;
  ELSIF new_kind = 'text' THEN
    made := fr_written(given, old_kind, old_places, of_zone);
  ELSIF old_kind IN ('text', 'enum') THEN
    made := fr_read(given, new_kind, new_places, CAST(new_type AS jsonb) -> 2, of_zone);
  END IF;
  RETURN CASE WHEN length(made) <= @TEXT_CHARACTERS@ THEN made END;
END
$$;

CREATE OR REPLACE FUNCTION fr_converted(given bigint, old_type text, new_type text, of_zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT fr_converted(CAST(given AS text), old_type, new_type, of_zone)
$$;

-- A scaled number with so many more digits after the point; NULL beyond those of a decimal.
CREATE OR REPLACE FUNCTION fr_rescaled(number numeric, more integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  moved numeric := CASE WHEN more >= 0 THEN trunc(number * power(10::numeric, more)) ELSE fr_round(number, -more) END;
BEGIN
  RETURN CASE WHEN abs(moved) < 1000000000000000000 THEN CAST(CAST(moved AS bigint) AS text) END;
END
$$;

-- A stored value as a template writes it (`values.write`).
CREATE OR REPLACE FUNCTION fr_written(given text, kind text, places integer, of_zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN CASE kind
    WHEN 'boolean' THEN CASE given WHEN '0' THEN 'false' ELSE 'true' END
    WHEN 'decimal' THEN fr_number_text(CAST(given AS numeric), places)
    WHEN 'datetime' THEN fr_local_text(CAST(given AS bigint), of_zone)
    WHEN 'date' THEN CASE WHEN fr_is_day(given) THEN given END
    WHEN 'tags' THEN fr_tags_text(fr_add_tags(given, '[]'))
    ELSE given
  END;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;  -- what other programs have written past the triggers is no value of the old type
END
$$;

-- Whether a text is an ISO date of the years 1-9999.
CREATE OR REPLACE FUNCTION fr_is_day(given text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  parts integer[];
BEGIN
  IF given COLLATE "C" !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
    RETURN false;
  END IF;
  parts := CAST(string_to_array(given, '-') AS integer[]);
  RETURN parts[1] >= 1 AND parts[2] BETWEEN 1 AND 12 AND parts[3] >= 1 AND parts[3] <= CASE
    WHEN parts[2] IN (4, 6, 9, 11) THEN 30
    WHEN parts[2] <> 2 THEN 31
    WHEN mod(parts[1], 4) = 0 AND (mod(parts[1], 100) <> 0 OR mod(parts[1], 400) = 0) THEN 29
    ELSE 28
  END;
END
$$;

-- The value that a text writes (`values.read`), as the store keeps it; NULL if it is none of that kind.
CREATE OR REPLACE FUNCTION fr_read(given text, kind text, places integer, allowed jsonb, of_zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  parts text[];
  number numeric;
BEGIN
  CASE kind
    WHEN 'enum' THEN
      RETURN CASE WHEN allowed ? given THEN given END;
    WHEN 'boolean' THEN
      RETURN CASE given WHEN 'true' THEN '1' WHEN 'false' THEN '0' END;
    WHEN 'integer' THEN
      IF given COLLATE "C" !~ '^[+-]?[0-9]+$' THEN
        RETURN NULL;
      END IF;
      number := CAST(given AS numeric);
      RETURN CASE WHEN number BETWEEN -9223372036854775808 AND 9223372036854775807
        THEN CAST(CAST(number AS bigint) AS text) END;
    WHEN 'decimal' THEN
      parts := regexp_match(given COLLATE "C", '^[+-]?([0-9]+)(?:\.([0-9]+))?$');
      IF parts IS NULL OR length(parts[2]) > places OR length(ltrim(parts[1], '0')) > 18 - places THEN
        RETURN NULL;
      END IF;
      RETURN CAST(CAST(CAST(given AS numeric) * power(10::numeric, places) AS bigint) AS text);
    WHEN 'date' THEN
      RETURN CASE WHEN fr_is_day(given) THEN given END;
    WHEN 'datetime' THEN
      RETURN CAST(fr_instant(given, of_zone) AS text);
    WHEN 'tags' THEN
      RETURN (
        SELECT '[' || string_agg(CAST(to_json(tag) AS text), ',' ORDER BY tag COLLATE "C") || ']'
        FROM (
          SELECT DISTINCT btrim(item, @WHITE_SPACE@) AS tag FROM unnest(string_to_array(given, ',')) AS i(item)
        ) AS t
        WHERE tag <> ''
      );
  END CASE;
END
$$;

-- The instant that a date and time writes, local where it has no offset; NULL if it is none.
CREATE OR REPLACE FUNCTION fr_instant(given text, of_zone text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
  p text[] := regexp_match(given COLLATE "C", '^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})'
    '(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2}))?$');
  wall bigint;
  ahead integer;
  instant bigint;
BEGIN
  IF p IS NULL OR NOT fr_is_day(p[1]) OR p[2] > '23' OR p[3] > '59' OR p[4] > '59' THEN
    RETURN NULL;
  END IF;
  ahead := coalesce(CAST(p[8] AS integer) * 60 + CAST(p[9] AS integer), 0);
  wall := CAST(fr_day_number(p[1]) - 719162 AS bigint) * 86400000 + CAST(p[2] AS integer) * 3600000 +
    CAST(p[3] AS integer) * 60000 + coalesce(CAST(p[4] AS integer), 0) * 1000 +
    CAST(left(rpad(coalesce(p[5], ''), 3, '0'), 3) AS integer);
  IF ahead >= 1440 THEN
    RETURN NULL;
  ELSIF p[6] IS NULL AND p[7] IS NULL THEN
    RETURN fr_of_wall(wall, of_zone);
  END IF;
  instant := wall - CASE p[7] WHEN '-' THEN -ahead ELSE ahead END * 60000;
  RETURN CASE WHEN instant BETWEEN -62135596800000 AND 253402300799999 THEN instant END;
END
$$;
