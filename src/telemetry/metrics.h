/*
 * metrics.h - all metrics as a page for Prometheus (text format 0.0.4).
 */
#pragma once

#include "base/buf.h"

void metrics_render(struct buf *out);
