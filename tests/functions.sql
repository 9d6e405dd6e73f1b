-- What stories call, on every server that they run on.

-- hmac() as pgcrypto has it, which not every server has: Stripe signs with it.
create function public.hmac(data bytea, key bytea, type text) returns bytea language sql immutable strict as $$
  select case type when 'sha256' then sha256(outer_key || sha256(inner_key || data)) end
    from (select string_agg(set_byte('\x00', 0, byte # 92), '' order by i) as outer_key,
                 string_agg(set_byte('\x00', 0, byte # 54), '' order by i) as inner_key
            from generate_series(0, 63) as i,
                 lateral (select case when i < length(key) then get_byte(key, i) else 0 end as byte) as padded) as keys $$;

-- folded('…'): a long text over several lines, so that a person can read it.
create function public.folded(text, width int default 100) returns text language sql immutable as $$
  select rtrim(regexp_replace($1, format('(.{1,%s})( |$)', width), e'\\1\n', 'g'), e'\n') $$;

-- plan('select …'): what EXPLAIN says, in the words of PostgreSQL 15; later majors name what a subplan returns, and count rows with decimals.
create function public.plan(query text, options text default 'costs off') returns setof text language plpgsql as $$
declare
  line text;
begin
  for line in execute format('explain (%s) %s', options, query) loop
    line := regexp_replace(line, '\(ANY \(.*? = (\(hashed SubPlan \d+\))\.col1\)\)', '\1');
    line := regexp_replace(line, '\(ANY \(\(.*? = (\(hashed SubPlan \d+\))\.col1\) AND \(.*?\.col2\)\)\)', '\1');
    line := regexp_replace(line, '\(InitPlan \d+\)\.col1|\$\d+', '$', 'g');
    line := replace(line, ' (returns $)', '');
    return next regexp_replace(line, 'rows=(\d+)\.00', 'rows=\1');
  end loop;
end
$$;
