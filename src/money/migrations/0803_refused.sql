-- Of a period whose callers were refused for want of money, so that this is told once: reservations seldom let a budget come to its last nanodollar.

-- :both
alter table budget_period add column refused_us bigint not null default 0; -- when that was told; 0: it was not
