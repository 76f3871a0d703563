/*
 * smoothness: how smooth the surface of one class of kernels is, told by its own
 * points.
 *
 * Settings (surface_kind) are judged by the mean errors of points left out, one at
 * a time and with all of their shape: the product of the two, because users ask
 * for what lies between measured points and for models that nobody measured. From
 * the usual settings of the class each number in turn grows or shrinks, fourfold
 * and then twofold, for as long as that product falls. Where the two dimensions of
 * each shape grow together, as those of whole prompts do, points do not say which of
 * them it is that counts: their lengths stay in proportion. The usual settings stay
 * where little is gained, and where few points, or of few shapes, cannot tell.
 * Deterministic; takes up to a second.
 * Source: cross-validation, Rasmussen and Williams, Gaussian Processes for
 * Machine Learning, 2006, section 5.3.
 */
#ifndef TANDEM_SMOOTHNESS_H
#define TANDEM_SMOOTHNESS_H

#include "kernel_table.h"

/* Whether points say how smooth their surface is, which has the usual settings; if so, `kind`. */
bool smoothness_of(const struct surface *surface, struct surface_kind *kind);

/* Of samples, at least one, that are all of one op and dtype; a `kind` of 0 dimensions where they
   cannot tell. 0 or -ERROR_MEMORY. */
int smoothness_of_kernels(const struct gpu *gpu, const struct kernel_sample *samples, size_t count,
                          struct surface_kind *kind, struct error *error);

#endif
