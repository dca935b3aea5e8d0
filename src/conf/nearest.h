/*
 * nearest.h - "did you mean": the known word that is closest to a mistyped one.
 */
#pragma once

#include "base/str.h"

/*
 * Feed candidates with nearest_offer; `best` is then the closest of them, or has a NULL ptr when none is close enough to be meant (more than a third of the
 * word's letters would have to change). Letters' case, '-' and '_' do not count.
 */
struct nearest {
	struct str word;
	struct str best;
	unsigned distance;
};

void nearest_init(struct nearest *nearest, struct str word);
void nearest_offer(struct nearest *nearest, struct str candidate);
