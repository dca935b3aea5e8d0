-- search.sql - the indexes of search: words, vectors, and what a hit shows. A list of values is one JSON parameter.

-- What a search in the collection could find has changed.
-- name: search_changed
update collection set generation = generation + 1 where id = $1;

-- Words: writing.

-- name: words_chunks
select c.id, c.heading_path, c.text from document_version v join chunk c on c.tenant = v.tenant and c.version_id = v.id
where v.id = $1 and c.ordinal >= $2 and c.ordinal < $3 order by c.ordinal;

-- name: words_segment_insert
insert into word_segment (collection_id, tier, chunks, text_terms, path_terms, chunk_first, chunk_last) values ($1, $2, $3, $4, $5, $6, $7) returning id;

-- $2: [[term, offset, length], …] of the cells in $3.
-- name: words_postings_put :sqlite
insert into word_posting (segment_id, term, cells)
select $1, json_extract(e.value, '$[0]'), substr($3, json_extract(e.value, '$[1]') + 1, json_extract(e.value, '$[2]')) from json_each($2) e where true
on conflict (segment_id, term) do update set cells = excluded.cells;
-- name: words_postings_put :postgres
insert into word_posting (segment_id, term, cells)
select cast($1 as bigint), e ->> 0, substr(cast($3 as bytea), cast(e ->> 1 as integer) + 1, cast(e ->> 2 as integer)) from jsonb_array_elements(cast($2 as jsonb)) e
on conflict (segment_id, term) do update set cells = excluded.cells;

-- name: words_tier_count
select count(*) from word_segment where collection_id = $1 and tier = $2;

-- name: words_segments_merge
insert into word_segment (collection_id, tier, chunks, text_terms, path_terms, chunk_first, chunk_last)
select collection_id, tier + 1, sum(chunks), sum(text_terms), sum(path_terms), min(chunk_first), max(chunk_last)
from word_segment where collection_id = $1 and tier = $2 group by collection_id, tier returning id;

-- Bytes pass through text and back unchanged on SQLite: it neither checks nor converts them.
-- name: words_postings_merge :sqlite
insert into word_posting (segment_id, term, cells)
select $3, p.term, cast(group_concat(cast(p.cells as text), '') as blob)
from word_segment s join word_posting p on p.segment_id = s.id where s.collection_id = $1 and s.tier = $2 group by p.term;
-- name: words_postings_merge :postgres
insert into word_posting (segment_id, term, cells)
select cast($3 as bigint), p.term, string_agg(p.cells, cast('' as bytea))
from word_segment s join word_posting p on p.segment_id = s.id where s.collection_id = $1 and s.tier = $2 group by p.term;

-- name: words_tier_postings_delete
delete from word_posting where segment_id in (select id from word_segment where collection_id = $1 and tier = $2);

-- name: words_tier_delete
delete from word_segment where collection_id = $1 and tier = $2;

-- The segments that may have chunks of ids $2 to $3, and the cells of terms ($4) there.
-- name: words_segments_between
select id from word_segment where collection_id = $1 and chunk_first <= $3 and chunk_last >= $2 order by id;

-- name: words_postings_of :sqlite
select p.term, p.cells from json_each($2) t cross join word_posting p on p.segment_id = $1 and p.term = t.value;
-- name: words_postings_of :postgres
select p.term, p.cells from word_posting p where p.segment_id = $1 and p.term = any(select jsonb_array_elements_text(cast($2 as jsonb)));

-- name: words_postings_delete :sqlite
delete from word_posting where segment_id = $1 and term in (select value from json_each($2));
-- name: words_postings_delete :postgres
delete from word_posting where segment_id = $1 and term = any(select jsonb_array_elements_text(cast($2 as jsonb)));

-- name: words_segment_shrink
update word_segment set chunks = chunks - $2, text_terms = text_terms - $3, path_terms = path_terms - $4 where id = $1 returning chunks;

-- name: words_segment_delete
delete from word_segment where id = $1;

-- Words: searching.

-- name: words_collection
select coalesce(sum(chunks), 0), coalesce(sum(text_terms), 0), coalesce(sum(path_terms), 0) from word_segment where collection_id = $1;

-- A segment's rows one after the other; `cross join` tells SQLite to look things up in this order.
-- name: words_postings :sqlite
select s.id, s.chunks, p.term, p.cells from word_segment s cross join json_each($2) t cross join word_posting p on p.segment_id = s.id and p.term = t.value
where s.collection_id = $1;
-- name: words_postings :postgres
select s.id, s.chunks, p.term, p.cells from word_segment s join word_posting p on p.segment_id = s.id
where s.collection_id = $1 and p.term = any(array(select jsonb_array_elements_text(cast($2 as jsonb)))) order by s.id;

-- Vectors: writing. vector_index_* are PostgreSQL's pgvector; SQLite scans in memory (vectors_memory.c) and is never asked.

-- name: vector_put
insert into chunk_vector (chunk_id, collection_id, version_id, model, f32) values ($1, $2, $3, $4, $5) on conflict (chunk_id, model) do nothing;

-- name: vector_index_put :sqlite
insert into chunk_vector (chunk_id, collection_id, version_id, model, f32) select $1, $2, $3, $4, $5 where false;
-- name: vector_index_put :postgres
insert into vector_index (chunk_id, collection_id, version_id, model, embedding) values ($1, $2, $3, $4, cast(cast($5 as text) as halfvec))
on conflict (chunk_id) do update set model = excluded.model, embedding = excluded.embedding;

-- name: vector_index_drop :sqlite
delete from chunk_vector where version_id = $1 and false;
-- name: vector_index_drop :postgres
delete from vector_index where version_id = $1;

-- name: vector_drop_note
insert into vector_drop (collection_id, version_id) values ($1, $2) returning seq;

-- name: vector_drop_forget
delete from vector_drop where seq <= $1;

-- Vectors: what is searched.

-- name: vectors_since
select x.seq, x.chunk_id, x.version_id, x.f32 from chunk_vector x join document_version v on v.id = x.version_id
	join document d on d.id = v.document_id and d.current_version = v.id and d.deleted_us is null
where x.collection_id = $1 and x.model = $2 and x.seq > $3 order by x.seq limit $4;

-- name: vectors_dropped_since
select seq, version_id from vector_drop where collection_id = $1 and seq > $2 order by seq;

-- name: vectors_dropped_known
select coalesce(min(seq), 0), coalesce(max(seq), 0) from vector_drop;

-- name: vectors_of :sqlite
select x.chunk_id, x.f32 from json_each($2) i cross join chunk_vector x on x.chunk_id = i.value and x.model = $1;
-- name: vectors_of :postgres
select x.chunk_id, x.f32 from chunk_vector x
where x.model = $1 and x.chunk_id = any(array(select cast(jsonb_array_elements_text(cast($2 as jsonb)) as bigint)));

-- name: vector_index_count :sqlite
select count(*) from chunk_vector where collection_id = $1 and model = $2;
-- name: vector_index_count :postgres
select count(*) from vector_index where collection_id = $1 and model = $2;

-- $3: the query's vector; $4: versions as JSON, or null for all.
-- name: vector_index_exact :sqlite
select chunk_id from chunk_vector where collection_id = $1 and model = $2 and $3 is null and $4 is null limit $5;
-- name: vector_index_exact :postgres
select v.chunk_id from vector_index v
where v.collection_id = $1 and v.model = $2
	and (cast($4 as jsonb) is null or v.version_id = any(array(select cast(jsonb_array_elements_text(cast($4 as jsonb)) as bigint))))
order by v.embedding <#> cast(cast($3 as text) as halfvec), v.chunk_id limit $5;

-- name: vector_index_nearest :sqlite
select chunk_id from chunk_vector where collection_id = $1 and model = $2 and $3 is null and $4 is null limit $5;
-- name: vector_index_nearest :postgres
select n.chunk_id from chunk_nearest(cast($1 as bigint), cast($2 as text), cast(cast($3 as text) as halfvec),
	case when cast($4 as jsonb) is not null then array(select cast(jsonb_array_elements_text(cast($4 as jsonb)) as bigint)) end, cast($5 as bigint)) n;

-- Filters and hits.

-- name: search_documents
select current_version, attributes from document where tenant = $1 and collection_id = $2 and current_version is not null and deleted_us is null order by current_version;

-- name: search_chunks_of :sqlite
select c.id from json_each($1) i cross join document_version v on v.id = i.value cross join chunk c on c.tenant = v.tenant and c.version_id = v.id order by c.id;
-- name: search_chunks_of :postgres
select c.id from document_version v join chunk c on c.tenant = v.tenant and c.version_id = v.id
where v.id = any(select cast(jsonb_array_elements_text(cast($1 as jsonb)) as bigint)) order by c.id;

-- name: search_hits :sqlite
select c.id, d.id, v.id, c.ordinal, d.public_id, v.public_id, v.file_id, d.path, v.title, c.heading_path, c.text, d.attributes, c.page, c.byte_from, c.byte_to
from json_each($1) i cross join chunk c on c.id = i.value join document_version v on v.id = c.version_id
	join document d on d.id = v.document_id and d.current_version = v.id and d.tenant = $2 and d.deleted_us is null;
-- name: search_hits :postgres
select c.id, d.id, v.id, c.ordinal, d.public_id, v.public_id, v.file_id, d.path, v.title, c.heading_path, c.text, d.attributes, c.page, c.byte_from, c.byte_to
from chunk c join document_version v on v.id = c.version_id
	join document d on d.id = v.document_id and d.current_version = v.id and d.tenant = $2 and d.deleted_us is null
where c.id = any(select cast(jsonb_array_elements_text(cast($1 as jsonb)) as bigint));
