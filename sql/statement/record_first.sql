-- record_first: keeps up to four decisions on a source on which there was none; one that is there is left. Parameters as in record_fulfillment
insert into payments.fulfillments
  (environment, source, kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at,
   matches, held, lasts)
select $1::pg_catalog.text, $2::pg_catalog.text, r.kind, r.target, r.what, r.state, r.reason, r.via, r.due, r.granted, r.taken_back, r.currency,
       pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.starts_at operator(pg_catalog.*) interval '1 microsecond'),
            pg_catalog.timestamptz 'epoch' operator(pg_catalog.+) (r.expires_at operator(pg_catalog.*) interval '1 microsecond'),
       r.matches, r.held, r.lasts::interval
  from (values
    ($3::pg_catalog.text, $4::pg_catalog.text, $5::pg_catalog.text, $6::pg_catalog.text, $7::pg_catalog.text, $8::pg_catalog.text, $9::bigint, $10::bigint,
     $11::bigint, $12::pg_catalog.text, $13::bigint, $14::bigint, $15::boolean, $16::pg_catalog.text, $17::pg_catalog.text),
    ($18::pg_catalog.text, $19::pg_catalog.text, $20::pg_catalog.text, $21::pg_catalog.text, $22::pg_catalog.text, $23::pg_catalog.text, $24::bigint, $25::bigint,
     $26::bigint, $27::pg_catalog.text, $28::bigint, $29::bigint, $30::boolean, $31::pg_catalog.text, $32::pg_catalog.text),
    ($33::pg_catalog.text, $34::pg_catalog.text, $35::pg_catalog.text, $36::pg_catalog.text, $37::pg_catalog.text, $38::pg_catalog.text, $39::bigint, $40::bigint,
     $41::bigint, $42::pg_catalog.text, $43::bigint, $44::bigint, $45::boolean, $46::pg_catalog.text, $47::pg_catalog.text),
    ($48::pg_catalog.text, $49::pg_catalog.text, $50::pg_catalog.text, $51::pg_catalog.text, $52::pg_catalog.text, $53::pg_catalog.text, $54::bigint, $55::bigint,
     $56::bigint, $57::pg_catalog.text, $58::bigint, $59::bigint, $60::boolean, $61::pg_catalog.text, $62::pg_catalog.text)
  ) as r (kind, target, what, state, reason, via, due, granted, taken_back, currency, starts_at, expires_at, matches, held, lasts)
 where r.kind is not null
on conflict do nothing
