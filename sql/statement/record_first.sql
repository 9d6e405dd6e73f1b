-- record_first: keeps up to four decisions on a source on which there was none; one that is there is left. Parameters as in record_fulfillment
insert into payments.fulfillments
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
on conflict do nothing
