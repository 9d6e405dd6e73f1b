-- Streams of distinct events, made in advance from the recorded stories. Each copy of a story gets its own ids.

create schema bench;
create table bench.lines (number serial, line text);
create table bench.stories (story text, number int, event text, primary key (story, number));
create unlogged table bench.events (n int primary key, event_id text not null, payload text not null, signature text);
alter table bench.events alter column payload set storage external;
create table bench.floor (like payments.webhook_events including all);

-- Fills bench.events with the first events of a stream. 'payments': intent, charge and session of one payment after
-- another. 'mixed': all families, in about the proportions of a shop that sells one-time payments and subscriptions.
create function bench.fill(stream text, events int) returns void language sql as $$
  with kept as (
    select s.*, row_number() over (order by s.story, s.number) - 1 as place, count(*) over () as places
      from bench.stories s
     where case stream
             when 'payments' then s.story = '01-onetime-pi-first'
             else s.story in ('01-onetime-pi-first', '02-onetime-checkout-first', '05-delayed-succeeded', '11-sub-lifecycle',
                              '13-sub-trial', '14-sub-dunning', '27-refund-partial', '41-guest-no-subject', '44-customers', '50-unknown-types')
           end
  )
  insert into bench.events (n, event_id, payload)
  select n, payload::jsonb ->> 'id', payload
    from (select n, regexp_replace(regexp_replace(replace(replace(k.event, '"u_1001"', format('"u_%s"', (n - 1) / k.places)), '"team_1"', format('"team_%s"', (n - 1) / k.places)),
                   '"((evt|pi|ch|py|cs|cus|in|sub|si|il|re|dp|prod|price|inpay)_[A-Za-z0-9_]+)"', format('"\1%s"', (n - 1) / k.places), 'g'),
                   '"[0-9a-f]{8}-[0-9a-f]{4}-4', format('"%s-0000-4', lpad(to_hex((n - 1) / k.places), 8, '0')), 'g') as payload
            from generate_series(1, events) n join kept k on k.place = (n - 1) % k.places) made
$$;

-- Signatures expire, so they are made just before the run that sends them.
create function bench.sign(first int, last int) returns void language sql as $$
  update bench.events
     set signature = format('t=%s,v1=%s', stamp,
           encode(hmac(convert_to(stamp || '.' || payload, 'UTF8'), convert_to('whsec_bench', 'UTF8'), 'sha256'), 'hex'))
    from (select extract(epoch from now())::bigint as stamp) clock
   where n > first and n <= last
$$;
