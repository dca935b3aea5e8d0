/*
 * google.h - within the room: a service account's key out of `credentials`.
 */
#pragma once

struct conf_provider;
struct reader;
struct yaml;

/*
 * Reads what `credentials` holds or names, JSON as the cloud console hands it out, into provider->google, and takes the project from there when none is given. Blocks on the
 * file. Notes what is missing or wrong, and never shows a byte of it.
 */
void conf_google_read(struct reader *reader, const struct yaml *node, struct conf_provider *provider);
