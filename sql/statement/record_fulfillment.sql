-- record_fulfillment: keeps up to four decisions on one source; one whose kind is null is none. $1 environment, $2 source, then of each: kind, target, what, state, reason, via text, due, granted, taken_back bigint, currency text, starts_at, expires_at bigint (microseconds), matches boolean, held, lasts text
insert into payments.fulfillments as f
  (environment, source, kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at,
   matches, held, lasts)
select $1::text, $2::text, r.kind, r.target, r.what, r.state, r.reason, r.via, r.due, r.granted, r.taken_back, r.currency,
       timestamptz 'epoch' + r.starts_at * interval '1 microsecond', timestamptz 'epoch' + r.expires_at * interval '1 microsecond',
       r.matches, r.held, r.lasts::interval
  from (values
    ($3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::bigint, $10::bigint,
     $11::bigint, $12::text, $13::bigint, $14::bigint, $15::boolean, $16::text, $17::text),
    ($18::text, $19::text, $20::text, $21::text, $22::text, $23::text, $24::bigint, $25::bigint,
     $26::bigint, $27::text, $28::bigint, $29::bigint, $30::boolean, $31::text, $32::text),
    ($33::text, $34::text, $35::text, $36::text, $37::text, $38::text, $39::bigint, $40::bigint,
     $41::bigint, $42::text, $43::bigint, $44::bigint, $45::boolean, $46::text, $47::text),
    ($48::text, $49::text, $50::text, $51::text, $52::text, $53::text, $54::bigint, $55::bigint,
     $56::bigint, $57::text, $58::bigint, $59::bigint, $60::boolean, $61::text, $62::text)
  ) as r (kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at, matches, held, lasts)
 where r.kind is not null
on conflict (environment, source, kind, target, what) do update
   set state = excluded.state, reason = excluded.reason, sqlstate = null, via = excluded.via, due = excluded.due,
       granted = excluded.granted, taken_back = excluded.taken_back, currency = excluded.currency,
       starts_at = excluded.starts_at, expires_at = excluded.expires_at, matches = excluded.matches, held = excluded.held,
       lasts = excluded.lasts, updated_at = pg_catalog.now()
 where (f.state, f.reason, f.sqlstate, f.via, f.due, f.granted, f.taken_back, f.currency, f.starts_at, f.expires_at,
        f.matches, f.held, f.lasts)
       is distinct from
       (excluded.state, excluded.reason, null::text, excluded.via, excluded.due, excluded.granted, excluded.taken_back,
        excluded.currency, excluded.starts_at, excluded.expires_at, excluded.matches, excluded.held, excluded.lasts)
