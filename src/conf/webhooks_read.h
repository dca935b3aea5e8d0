/*
 * webhooks_read.h - within the room: what models.c needs of webhooks.c.
 */
#pragma once

struct reader;
struct yaml;

extern const struct field_table webhook_table;

/* The list `webhooks` from the root of the file (NULL: no file). */
void webhooks_read(struct reader *reader, const struct yaml *root);
