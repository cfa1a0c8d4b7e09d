/* SPDX-License-Identifier: Apache-2.0
 *
 * scheduler.c - who gets a sequence.
 *
 * A finished request's sequence stays as it is: its pages are a cache of the
 * conversation.  A new request takes the idle sequence with which it shares the
 * longest beginning, cut back to that beginning; a conversation that goes on
 * computes only what is new.  When pages run out, idle sequences are emptied,
 * oldest first; then the request that started last is put back in the queue and
 * later computed again from its tokens, so none fails that fits by itself.
 */
#include "engine.h"

#include <string.h>

/* Tokens at the start that the sequence and the request have in common; at least
 * one of the request's must be computed, for its logits. */
static size_t sh_common(const mlc_engine *e, uint32_t slot, const mlc_request *r)
{
    const int32_t *have = mlc_session_tokens(e->session, (int32_t)slot);
    size_t n = mlc_session_length(e->session, (int32_t)slot);
    size_t want = mlci_request_length(r) - 1, i = 0;

    while (i < n && i < want && have[i] == mlci_request_token(r, i))
        i++;
    return i;
}

/* The idle sequence to take, -1 if all are busy: the longest common beginning,
 * else the one whose cache was used longest ago. */
static int32_t sh_pick(const mlc_engine *e, const mlc_request *r, size_t *common)
{
    int32_t best = -1;

    *common = 0;
    for (uint32_t i = 0; i < e->n_slots; i++) {
        size_t n;

        if (e->slots[i].request != NULL)
            continue;
        n = sh_common(e, i, r);
        if (best < 0 || n > *common
            || (n == *common && e->slots[i].last_used < e->slots[best].last_used)) {
            best = (int32_t)i;
            *common = n;
        }
    }
    return best;
}

static void sh_start(mlc_engine *e, mlc_request *r, int32_t slot, size_t common)
{
    if (mlc_session_rewind(e->session, slot, common) != MLC_OK) {
        common = 0;  /* a sliding window has dropped it */
        (void)mlc_session_rewind(e->session, slot, 0);
    }
    r->slot = slot;
    r->n_done = common;
    e->slots[slot].request = r;
    e->slots[slot].last_used = ++e->clock;
    mlci_os_lock(&e->lock);
    r->state = MLCI_RUNNING;
    r->n_cached = common < r->params.n_prompt ? common : r->params.n_prompt;
    if (r->t_start == 0)
        r->t_start = mlci_os_now_us();
    e->n_running++;
    e->counters.cached_tokens += r->n_cached;
    mlci_os_unlock(&e->lock);
}

void mlci_schedule_admit(mlc_engine *e)
{
    for (;;) {
        mlc_request *r;
        size_t common = 0;
        int32_t slot;

        mlci_os_lock(&e->lock);
        r = e->queue;
        mlci_os_unlock(&e->lock);
        if (r == NULL)
            return;
        slot = atomic_load(&r->cancel) ? -1 : sh_pick(e, r, &common);
        if (slot < 0 && !atomic_load(&r->cancel))
            return;
        mlci_os_lock(&e->lock);
        e->queue = r->next;
        if (e->queue == NULL)
            e->queue_tail = NULL;
        r->next = NULL;
        e->n_queued--;
        if (slot < 0)
            mlci_engine_finish(e, r, MLCI_FINISH_CANCELLED);
        mlci_os_unlock(&e->lock);
        if (slot >= 0)
            sh_start(e, r, slot, common);
        else
            mlci_request_unref(r);
    }
}

/* The request leaves its sequence, whose tokens stay. */
void mlci_schedule_release(mlc_engine *e, mlc_request *r)
{
    if (r->slot >= 0) {
        e->slots[r->slot].request = NULL;
        e->slots[r->slot].last_used = ++e->clock;
        e->n_running--;
    }
    r->slot = -1;
}

/* Make room: empty the oldest idle sequence, else put the youngest request back
 * at the front of the queue.  false if there is nothing to take from. */
bool mlci_schedule_preempt(mlc_engine *e)
{
    int32_t idle = -1, young = -1;
    mlc_request *r;

    for (uint32_t i = 0; i < e->n_slots; i++) {
        const mlci_slot_state *s = &e->slots[i];

        if (s->request == NULL && mlc_session_length(e->session, (int32_t)i) > 0
            && (idle < 0 || s->last_used < e->slots[idle].last_used))
            idle = (int32_t)i;
        if (s->request != NULL
            && (young < 0 || s->request->number > e->slots[young].request->number))
            young = (int32_t)i;
    }
    if (idle >= 0)
        return mlc_session_rewind(e->session, idle, 0) == MLC_OK;
    if (young < 0 || e->n_running < 2)
        return false;
    r = e->slots[young].request;
    (void)mlc_session_rewind(e->session, young, 0);
    mlci_os_lock(&e->lock);
    mlci_schedule_release(e, r);
    r->state = MLCI_WAITING;
    r->n_done = 0;
    r->next = e->queue;
    e->queue = r;
    if (e->queue_tail == NULL)
        e->queue_tail = r;
    e->n_queued++;
    e->counters.preempted++;
    mlci_os_unlock(&e->lock);
    return true;
}
