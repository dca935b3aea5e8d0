-- Collections.

-- name: collection_insert
insert into collection (tenant, public_id, name, handle, description, metadata, chunk_tokens_max, chunk_tokens_overlap, expires_after_days, created_us, active_us, local_only)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11);

-- name: collection_handle_taken
select 1 from collection where tenant = $1 and handle = $2;

-- name: collection_by_key
select id, public_id, name, description, metadata, chunk_tokens_max, chunk_tokens_overlap, expires_after_days, created_us, active_us, local_only
from collection where tenant = $1 and (public_id = $2 or handle = $2) and deleted_us is null;

-- name: collection_page_up
select id, public_id, name, description, metadata, chunk_tokens_max, chunk_tokens_overlap, expires_after_days, created_us, active_us, local_only
from collection where tenant = $1 and deleted_us is null and id > $2 and id < $3 order by id limit $4;

-- name: collection_page_down
select id, public_id, name, description, metadata, chunk_tokens_max, chunk_tokens_overlap, expires_after_days, created_us, active_us, local_only
from collection where tenant = $1 and deleted_us is null and id > $2 and id < $3 order by id desc limit $4;

-- name: collection_update
update collection set name = $3, handle = $4, description = $5, metadata = $6, expires_after_days = $7, local_only = $8 where tenant = $1 and id = $2;

-- name: collection_mark_local
update collection set local_only = 1 where id = $1 and local_only = 0;

-- name: collection_mark
select id, public_id, name, local_only, tenant from collection where id = $1;

-- name: collection_touch
update collection set active_us = $2 where id = $1 and active_us < $2;

-- name: collection_generation
select id, generation, expires_after_days, active_us, local_only, name, public_id from collection where tenant = $1 and (public_id = $2 or handle = $2) and deleted_us is null;

-- name: collection_count
select v.status, count(*), coalesce(sum(v.bytes), 0), coalesce(sum(v.chunks), 0), coalesce(sum(v.chunks_embedded), 0)
from document d join document_version v on v.id = d.latest_version
where d.collection_id = $1 and d.deleted_us is null group by v.status;

-- name: collection_mark_deleted
update collection set deleted_us = $3, handle = null where tenant = $1 and id = $2 and deleted_us is null;

-- name: collection_expired
select id, tenant, public_id from collection
where deleted_us is null and expires_after_days > 0 and active_us + expires_after_days * 86400000000 < $1 order by id limit 100;

-- name: collection_deleted_next
select id from collection where deleted_us is not null order by deleted_us limit 1;

-- name: collection_delete
delete from collection where id = $1;

-- Contents.

-- name: content_by_hash
select id, bytes from content where tenant = $1 and sha256 = $2;

-- name: content_insert
insert into content (tenant, sha256, bytes, created_us) values ($1, $2, $3, $4) returning id;

-- name: content_finish
update content set sha256 = $2, bytes = $3 where id = $1;

-- name: content_piece_insert
insert into content_piece (content_id, ordinal, encoding, bytes, body) values ($1, $2, $3, $4, $5);

-- name: content_piece_get
select encoding, bytes, body from content_piece where content_id = $1 and ordinal = $2;

-- name: content_forget
-- From now on it looks like an upload that was never finished, long ago: its pieces go in small steps.
update content set sha256 = null, created_us = 0 where id = $1 and not exists (select 1 from file f where f.content_id = $1)
and not exists (select 1 from document_version v where v.content_id = $1);

-- name: content_unfinished
select id from content where sha256 is null and created_us < $1 order by created_us limit 1;

-- name: content_piece_delete_some
delete from content_piece where content_id = $1 and ordinal in (select ordinal from content_piece where content_id = $1 order by ordinal limit $2);

-- name: content_delete
delete from content where id = $1;

-- Files.

-- name: file_insert
insert into file (tenant, public_id, content_id, filename, purpose, content_type, created_us, expires_us, local_only) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id;

-- name: file_by_key
select f.id, f.public_id, f.filename, f.purpose, f.content_type, c.sha256, c.bytes, f.created_us, coalesce(f.expires_us, 0), f.content_id, f.local_only
from file f join content c on c.id = f.content_id where f.tenant = $1 and f.public_id = $2;

-- name: file_page_up
select f.id, f.public_id, f.filename, f.purpose, f.content_type, c.sha256, c.bytes, f.created_us, coalesce(f.expires_us, 0), f.content_id, f.local_only
from file f join content c on c.id = f.content_id
where f.tenant = $1 and ($2 = '' or f.purpose = $2) and f.id > $3 and f.id < $4 order by f.id limit $5;

-- name: file_page_down
select f.id, f.public_id, f.filename, f.purpose, f.content_type, c.sha256, c.bytes, f.created_us, coalesce(f.expires_us, 0), f.content_id, f.local_only
from file f join content c on c.id = f.content_id
where f.tenant = $1 and ($2 = '' or f.purpose = $2) and f.id > $3 and f.id < $4 order by f.id desc limit $5;

-- name: file_expired
select tenant, public_id from file where expires_us < $1 order by expires_us limit 100;

-- name: file_delete
delete from file where tenant = $1 and id = $2;

-- name: file_documents
select d.id, d.collection_id, coalesce(d.current_version, 0) from document d join document_version v on v.id = d.latest_version
where v.tenant = $1 and v.file_id = $2 and d.deleted_us is null;

-- Documents and their versions. The first columns of every list of documents are the same: see document_row.

-- name: document_insert
insert into document (tenant, public_id, collection_id, path, attributes, latest_version, created_us) values ($1, $2, $3, $4, $5, 0, $6) returning id;

-- name: version_insert
insert into document_version (tenant, public_id, document_id, collection_id, number, file_id, content_id, sha256, bytes, content_type, chunk_tokens_max,
	chunk_tokens_overlap, title, status, error_code, error_message, chunks, chunks_embedded, attempts, lease_until_us, created_us)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, '', '', 0, 0, 0, 0, $13) returning id;

-- name: document_set_latest
update document set latest_version = $2, attributes = $3 where id = $1;

-- name: document_set_attributes
update document set attributes = $3 where tenant = $1 and id = $2;

-- name: version_set_file
update document_version set file_id = $2 where id = $1;

-- name: document_by_path
select d.id, d.public_id, d.latest_version, coalesce(d.current_version, 0), v.sha256, v.number, v.status, v.file_id, v.chunk_tokens_max, v.chunk_tokens_overlap
from document d join document_version v on v.id = d.latest_version
where d.tenant = $1 and d.collection_id = $2 and d.path = $3 and d.deleted_us is null;

-- name: document_by_id
select d.id, d.public_id, c.public_id, d.path, v.file_id, v.title, d.attributes, v.public_id, v.sha256, v.content_type, v.number, v.status, v.error_code,
	v.error_message, v.bytes, v.chunks, v.chunks_embedded, d.created_us, d.collection_id, coalesce(d.current_version, 0), v.id, v.chunk_tokens_max,
	v.chunk_tokens_overlap
from document d join document_version v on v.id = d.latest_version join collection c on c.id = d.collection_id
where d.tenant = $1 and d.id = $2 and d.deleted_us is null;

-- name: document_find
select d.id from document d where d.tenant = $1 and d.collection_id = $2 and d.public_id = $3 and d.deleted_us is null
union all
select d.id from document d where d.tenant = $1 and d.collection_id = $2 and d.path = $3 and d.deleted_us is null
union all
select d.id from document d join document_version v on v.document_id = d.id
where v.tenant = $1 and v.file_id = $3 and d.collection_id = $2 and d.deleted_us is null
limit 1;

-- name: document_page_up
select d.id, d.public_id, c.public_id, d.path, v.file_id, v.title, d.attributes, v.public_id, v.sha256, v.content_type, v.number, v.status, v.error_code,
	v.error_message, v.bytes, v.chunks, v.chunks_embedded, d.created_us, d.collection_id, coalesce(d.current_version, 0), v.id, v.chunk_tokens_max,
	v.chunk_tokens_overlap
from document d join document_version v on v.id = d.latest_version join collection c on c.id = d.collection_id
where d.tenant = $1 and d.collection_id = $2 and d.deleted_us is null
	and ($3 = 0 or ((cast(1 as bigint) << cast(v.status as integer)) & $3) <> 0)
	and ($4 = 0 or exists (select 1 from file_batch_member m where m.batch_id = $4 and m.document_id = d.id))
	and d.id > $5 and d.id < $6
order by d.id limit $7;

-- name: document_page_down
select d.id, d.public_id, c.public_id, d.path, v.file_id, v.title, d.attributes, v.public_id, v.sha256, v.content_type, v.number, v.status, v.error_code,
	v.error_message, v.bytes, v.chunks, v.chunks_embedded, d.created_us, d.collection_id, coalesce(d.current_version, 0), v.id, v.chunk_tokens_max,
	v.chunk_tokens_overlap
from document d join document_version v on v.id = d.latest_version join collection c on c.id = d.collection_id
where d.tenant = $1 and d.collection_id = $2 and d.deleted_us is null
	and ($3 = 0 or ((cast(1 as bigint) << cast(v.status as integer)) & $3) <> 0)
	and ($4 = 0 or exists (select 1 from file_batch_member m where m.batch_id = $4 and m.document_id = d.id))
	and d.id > $5 and d.id < $6
order by d.id desc limit $7;

-- name: document_mark_deleted
update document set deleted_us = $2 where id = $1 and deleted_us is null;

-- name: document_known
select 1 from document d join document_version v on v.id = d.latest_version
where d.tenant = $1 and d.collection_id = $2 and d.path = $3 and v.sha256 = $4 and v.status <> 3 and d.deleted_us is null;

-- name: version_cancel
update document_version set status = 4 where id = $1 and status in (0, 1);

-- File batches.

-- name: file_batch_insert
insert into file_batch (tenant, public_id, collection_id, created_us, cancelled) values ($1, $2, $3, $4, 0) returning id;

-- name: file_batch_member_insert
insert into file_batch_member (batch_id, document_id, version_id) values ($1, $2, $3) on conflict (batch_id, document_id) do update set version_id = excluded.version_id;

-- name: file_batch_by_key
select id, public_id, created_us, cancelled from file_batch where tenant = $1 and collection_id = $2 and public_id = $3;

-- name: file_batch_count
select v.status, count(*) from file_batch_member m join document_version v on v.id = m.version_id where m.batch_id = $1 group by v.status;

-- name: file_batch_cancel
update file_batch set cancelled = 1 where id = $1;

-- name: file_batch_versions_cancel
update document_version set status = 4 where status = 0 and id in (select version_id from file_batch_member where batch_id = $1);

-- Ingest: claiming work, and what becomes of it.

-- name: version_waiting
select 1 from document_version where status = $1 and lease_until_us < $2 limit 1;

-- name: version_claim :sqlite
update document_version set lease_owner = $1, lease_until_us = $3, attempts = attempts + 1
where id = (select id from document_version where status = 0 and lease_until_us < $2 order by id limit 1)
returning id, tenant, document_id, collection_id, content_id, bytes, attempts;
-- name: version_claim :postgres
update document_version set lease_owner = $1, lease_until_us = $3, attempts = attempts + 1
where id = (select id from document_version where status = 0 and lease_until_us < $2 order by id limit 1 for update skip locked)
returning id, tenant, document_id, collection_id, content_id, bytes, attempts;

-- name: version_claim_embed :sqlite
update document_version set lease_owner = $1, lease_until_us = $3
where id in (select id from document_version where status = 1 and lease_until_us < $2 order by id limit $4)
returning id, tenant, collection_id, chunks;
-- name: version_claim_embed :postgres
update document_version set lease_owner = $1, lease_until_us = $3
where id in (select id from document_version where status = 1 and lease_until_us < $2 order by id limit $4 for update skip locked)
returning id, tenant, collection_id, chunks;

-- name: version_source
select d.path, case when v.chunk_tokens_max > 0 then v.chunk_tokens_max else c.chunk_tokens_max end,
	case when v.chunk_tokens_max > 0 then v.chunk_tokens_overlap else c.chunk_tokens_overlap end, d.latest_version, d.id
from document_version v join document d on d.id = v.document_id join collection c on c.id = v.collection_id
where v.id = $1 and d.deleted_us is null and c.deleted_us is null;

-- name: version_release
-- Given back. $3: 1 when that was nobody's fault, so that the attempt does not count.
update document_version set lease_owner = null, lease_until_us = $2, attempts = attempts - $3 where id = $1;

-- name: version_release_embed
update document_version set lease_owner = null, lease_until_us = $2 where id = $1;

-- name: version_alive
select 1 from document_version v join document d on d.id = v.document_id join collection c on c.id = v.collection_id
where v.id = $1 and v.status = 1 and d.current_version = v.id and d.deleted_us is null and c.deleted_us is null;

-- name: version_leased
select 1 from document_version where status in (0, 1) and lease_owner = $1 limit 1;

-- name: version_renew
update document_version set lease_until_us = $2 where status in (0, 1) and lease_owner = $1;

-- name: version_release_all
update document_version set lease_owner = null, lease_until_us = 0 where status in (0, 1) and lease_until_us > 0;

-- name: version_fail
update document_version set status = 3, error_code = $2, error_message = $3, lease_owner = null, lease_until_us = 0 where id = $1 and status = 0;

-- name: version_set_words
update document_version set status = 1, title = $2, content_type = $3, chunks = $4, chunks_embedded = 0, lease_owner = null, lease_until_us = 0
where id = $1 and status = 0;

-- name: version_hold
-- Found by words alone for as long as the embedding provider is hosted and the version is to reach none.
update document_version set status = 5, error_message = $2, lease_owner = null, lease_until_us = 0 where id = $1 and status = 1;

-- name: version_look_again
-- Held versions of a tenant ($1; 0: of all) and a collection ($2; 0: of all) are for the embedding fibers to judge again.
update document_version set status = 1, error_message = '', lease_owner = null, lease_until_us = 0
where status = 5 and ($1 = 0 or tenant = $1) and ($2 = 0 or collection_id = $2);

-- name: version_add_embedded
update document_version set chunks_embedded = chunks_embedded + $2 where id = $1;

-- name: version_set_ready
update document_version set status = 2, chunks_embedded = chunks, lease_owner = null, lease_until_us = 0 where id = $1 and status = 1;

-- name: version_set_replaced
update document_version set status = 4, error_message = 'replaced by a newer version', lease_owner = null, lease_until_us = 0 where id = $1 and status in (0, 1);

-- name: document_set_current
update document set current_version = $2 where id = $1 and deleted_us is null returning id;

-- name: document_get_current
select coalesce(current_version, 0), latest_version from document where id = $1 and deleted_us is null;

-- name: chunk_insert
insert into chunk (tenant, collection_id, version_id, ordinal, heading_path, anchor, page, byte_from, byte_to, tokens, embed_hash, text)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: chunk_delete_some
delete from chunk where id in (select id from chunk where tenant = $1 and version_id = $2 order by ordinal limit $3);

-- name: chunk_page
select ordinal, heading_path, anchor, page, text from chunk where tenant = $1 and version_id = $2 and ordinal >= $3 and ordinal < $4 order by ordinal;

-- name: version_passages
select v.id, d.public_id, v.public_id, d.path, v.title, v.number, case when d.current_version = v.id then 1 else 0 end, v.chunks
from document_version v join document d on d.id = v.document_id join collection c on c.id = v.collection_id
where v.tenant = $1 and v.public_id = $2 and d.deleted_us is null and c.deleted_us is null;

-- name: chunk_unembedded
select c.id, c.ordinal, c.heading_path, c.text, c.embed_hash from chunk c
where c.tenant = $1 and c.version_id = $2 and c.ordinal >= $3 and not exists (select 1 from chunk_vector x where x.chunk_id = c.id and x.model = $4)
order by c.ordinal limit $5;

-- name: vector_by_hash
select x.f32 from chunk c join chunk_vector x on x.chunk_id = c.id where c.collection_id = $1 and c.embed_hash = $2 and x.model = $3 limit 1;

-- Cleaning up behind deletions, a little at a time.

-- name: clean_waiting
select 1 from collection where deleted_us is not null
union all select 1 from document where deleted_us is not null
union all select 1 from content where sha256 is null and created_us < $1
limit 1;

-- name: document_deleted_next
select id, tenant from document where deleted_us is not null order by deleted_us limit 1;

-- name: document_of_collection_next
select id, coalesce(current_version, 0) from document where collection_id = $1 and deleted_us is null order by id limit $2;

-- name: document_of_collection_any
select 1 from document where collection_id = $1 limit 1;

-- name: file_batch_delete_of
delete from file_batch where collection_id = $1;

-- name: version_of_document_next
select id, coalesce(content_id, 0) from document_version where tenant = $1 and document_id = $2 order by id limit 1;

-- name: version_delete
delete from document_version where id = $1;

-- name: document_delete
delete from document where id = $1;
