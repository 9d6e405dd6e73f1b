-- hmac() as pgcrypto has it, which not every server has: Stripe's signatures are made with it.
create function public.hmac(data bytea, key bytea, type text) returns bytea language sql immutable strict as $$
  select case type when 'sha256' then sha256(outer_key || sha256(inner_key || data)) end
    from (select string_agg(set_byte('\x00', 0, byte # 92), '' order by i) as outer_key,
                 string_agg(set_byte('\x00', 0, byte # 54), '' order by i) as inner_key
            from generate_series(0, 63) as i,
                 lateral (select case when i < length(key) then get_byte(key, i) else 0 end as byte) as padded) as keys $$;
