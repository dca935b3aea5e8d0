-- store_bench.sql - about what the record of one model call writes: two spans, a usage row, a body; keys rise with time.

-- name: bench_span
insert into bench_span (id, trace, parent, kind, started_us, ended_us, attributes) values ($1, $2, $3, $4, $5, $6, $7);

-- name: bench_usage
insert into bench_usage (span, tenant, model, input, output, cost_micro) values ($1, $2, $3, $4, $5, $6);

-- name: bench_body
insert into bench_body (span, bytes) values ($1, $2) on conflict (span) do nothing;
