-- :both
create table bench_span (id bigint primary key, trace bytea not null, parent bigint, kind bigint not null, started_us bigint not null, ended_us bigint not null, attributes text not null);
create table bench_usage (span bigint primary key, tenant bigint not null, model text not null, input bigint not null, output bigint not null, cost_micro bigint not null);
create table bench_body (span bigint primary key, bytes bytea not null);
