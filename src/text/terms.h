/*
 * terms.h - text to the terms that are searched for: one definition, for what is indexed and for what is asked.
 *
 * Letters lose case and accents, English words become stems. What is written as one name is one term, whatever it is made of (pg_stat_activity, utf8, getRows), and its
 * parts are terms too, marked as such, so that "stat activity" finds it as well. Scripts without blanks between words give pairs of neighbouring characters.
 */
#pragma once

#include "base/str.h"

enum { TERM_BYTES_MAX = 64 }; /* of one term; longer ones are cut */

/* Calls take for each term in the order of the text; a name comes before its parts. The term's bytes live as long as the call. Malformed UTF-8 separates words. */
void terms_each(struct str text, void (*take)(void *arg, struct str term, bool part), void *arg);
