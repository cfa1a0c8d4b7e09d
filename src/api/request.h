/* SPDX-License-Identifier: Apache-2.0
 *
 * request.h - from request JSON to params, and from results to event JSON.
 */
#ifndef MLCI_REQUEST_H
#define MLCI_REQUEST_H

#include "../base/json.h"
#include "../engine/engine.h"

/* prompt.c: the request as an object; it points into json. */
mlc_status mlci_request_parse(mlci_arena *arena, const char *json, size_t n,
                              const mlci_json **request, mlc_error *err);
/* The prompt of a chat request, appended to out.  *model_template: the model's,
 * parsed here when it is wanted and still NULL; the caller keeps and closes it. */
mlc_status mlci_prompt_render(const mlc_model *m, mlc_template **model_template,
                              const mlci_json *request, mlci_buf *out, mlc_error *err);
/* Tokens of a text, in the arena. */
mlc_status mlci_prompt_encode(mlci_arena *arena, const mlc_tokenizer *tok,
                              const char *text, size_t n, uint32_t flags,
                              int32_t **ids, size_t *n_ids, mlc_error *err);

/* params.c: does this member say how to answer (so it is no variable of the
 * template)? */
bool mlci_params_is_option(const mlci_json *member);
/* All of a request but its prompt. */
mlc_status mlci_params_read(mlci_params *p, mlci_arena *arena, const mlci_json *request,
                            const mlc_model *m, mlc_error *err);

/* events.c: the next event of a request into *event; MLC_ETIMEOUT if there is
 * none now, MLC_ECLOSED if none will come.  Takes the engine's lock. */
mlc_status mlci_events_next(mlc_request *r, mlc_event *event, bool *more);

#endif
