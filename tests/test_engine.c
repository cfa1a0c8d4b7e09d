/* SPDX-License-Identifier: Apache-2.0
 *
 * test_engine.c - requests through the engine on a tiny model: streams and answers,
 * the same text alone and beside others, seeds, stop strings, limits, cancelling,
 * short memory, errors that name the field.  Under ThreadSanitizer too.
 */
#include "golden.h"
#include "../src/base/utf8.h"
#include "../src/model/model.h"

static mlc_context *ctx;
static mlc_model   *model;
static mlc_error    err;

enum { TEXT = 1 << 16 };

typedef struct answer {
    char       text[TEXT], last[TEXT];  /* all text; the last event's JSON      */
    size_t     n;
    int        chunks, done, errors, bad;
    mlc_status status;
} answer;

static mlc_engine *engine(uint32_t flags, uint32_t sequences, uint64_t kv_tokens)
{
    mlc_engine_options o;
    mlc_engine *e = NULL;

    mlc_engine_options_init(&o);
    o.flags = flags;
    o.max_sequences = sequences;
    o.kv_tokens = kv_tokens;
    o.prefill_rows = 32;
    T_CHECK(mlc_engine_open(model, &o, &e, &err) == MLC_OK, "%s", err.text);
    return e;
}

static mlc_status collect(void *user, const mlc_event *e)
{
    answer *a = user;
    mlci_arena arena;
    const mlci_json *json;

    mlci_arena_init(&arena, ctx, 1 << 24);
    a->bad += mlci_json_parse(&arena, e->json, e->json_bytes, &json, NULL) != MLC_OK
           || !mlci_utf8_valid(e->text, e->text_bytes)
           || strlen(e->json) != e->json_bytes || strchr(e->json, '\n') != NULL;
    if (e->kind == MLC_EVENT_CHUNK || a->chunks == 0) {
        if (a->n + e->text_bytes < TEXT)
            memcpy(a->text + a->n, e->text, e->text_bytes);
        a->n += e->text_bytes;
    }
    a->chunks += e->kind == MLC_EVENT_CHUNK;
    a->done += e->kind == MLC_EVENT_DONE;
    a->errors += e->kind == MLC_EVENT_ERROR;
    a->status = e->status;
    snprintf(a->last, sizeof a->last, "%s", e->json);
    mlci_arena_reset(&arena);
    return MLC_OK;
}

static mlc_request *submit(mlc_engine *e, const char *json)
{
    mlc_request *r = NULL;

    memset(&err, 0, sizeof err);
    T_CHECK(mlc_engine_submit(e, json, strlen(json), NULL, &r, &err) == MLC_OK, "%s", err.text);
    return r;
}

/* Submit, wait, close. */
static void ask(mlc_engine *e, const char *json, answer *a)
{
    mlc_request *r = submit(e, json);

    memset(a, 0, sizeof *a);
    if (r != NULL)
        T_CHECK(mlc_request_wait(r, collect, a) == a->status, "wait");
    T_CHECK(a->bad == 0, "%d events are not what they should be: %s", a->bad, a->last);
    T_CHECK(a->done + a->errors == 1, "one last event: %d", a->done + a->errors);
    mlc_request_close(r);
}

#define OPTIONS "\"ignore_eos\":true,\"temperature\":0"

static void test_answers(void)
{
    static answer whole, stream, again;
    const char *plain = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    mlc_engine *e = engine(0, 4, 0);
    mlc_request *none = NULL;
    golden g;

    T_CASE("an answer");
    ask(e, "{\"prompt\":\"abc def\",\"max_tokens\":40," OPTIONS "}", &whole);
    T_CHECK(whole.chunks == 0 && whole.n > 0
            && strstr(whole.last, "\"finish_reason\":\"length\"") != NULL
            && strstr(whole.last, "\"completion_tokens\":40") != NULL
            && strstr(whole.last, "\"object\":\"text_completion\"") != NULL, "%s", whole.last);

    T_CASE("a stream of the same");
    ask(e, "{\"prompt\":\"abc def\",\"max_tokens\":40,\"stream\":true," OPTIONS "}", &stream);
    T_CHECK(stream.chunks > 1 && stream.n == whole.n
            && memcmp(stream.text, whole.text, whole.n) == 0, "%d chunks: %s", stream.chunks,
            stream.text);
    T_CHECK(strstr(stream.last, "\"choices\":[],\"usage\":{") != NULL
            && strstr(stream.last, "\"completion_tokens\":40") != NULL, "%s", stream.last);

    T_CASE("a chat");
    ask(e, "{\"messages\":[{\"role\":\"user\",\"content\":\"abc def\"}],\"chat_template\":"
        "\"{{ messages[0].content }}\",\"max_tokens\":40," OPTIONS "}", &again);
    T_CHECK(again.n == whole.n && memcmp(again.text, whole.text, whole.n) == 0
            && strstr(again.last, "\"object\":\"chat.completion\"") != NULL
            && strstr(again.last, "\"role\":\"assistant\"") != NULL, "%s", again.last);

    T_CASE("a template of its own, where the model's is broken");
    model->chat_template = "{% if ", model->chat_template_bytes = 6;
    ask(e, "{\"messages\":[{\"role\":\"user\",\"content\":\"abc def\"}],\"chat_template\":"
        "\"{{ messages[0].content }}\",\"max_tokens\":40," OPTIONS "}", &again);
    T_CHECK(again.n == whole.n && memcmp(again.text, whole.text, whole.n) == 0, "%s", again.last);
    T_CHECK(mlc_engine_submit(e, plain, strlen(plain), NULL, &none, &err) == MLC_EFORMAT
            && none == NULL && strstr(err.text, "line 1") != NULL, "%s", err.text);
    model->chat_template = NULL, model->chat_template_bytes = 0;

    T_CASE("a prompt of a token a byte");
    ask(e, "{\"prompt\":\"\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002"
        "\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002"
        "\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002"
        "\\u0001\\u0002\\u0001\\u0002\\u0001\\u0002\",\"max_tokens\":2," OPTIONS "}", &again);
    T_CHECK(strstr(again.last, "\"prompt_tokens\":40") != NULL, "%s", again.last);

    T_CASE("a prompt of ids");
    memset(&g, 0, sizeof g);
    ask(e, "{\"prompt\":[300,301,302],\"max_tokens\":5," OPTIONS "}", &again);
    T_CHECK(strstr(again.last, "\"prompt_tokens\":3") != NULL, "%s", again.last);

    T_CASE("log-probabilities");
    ask(e, "{\"messages\":[{\"role\":\"user\",\"content\":\"abc\"}],\"chat_template\":"
        "\"{{ messages[0].content }}\",\"max_tokens\":3,\"logprobs\":true,\"top_logprobs\":2,"
        OPTIONS "}", &again);
    golden_close(&g);
    mlci_arena_init(&g.arena, ctx, 1 << 24);
    g.text = NULL;
    if (mlci_json_parse(&g.arena, again.last, strlen(again.last), &g.root, &err) == MLC_OK) {
        const mlci_json *c = mlci_json_get(g.root, "choices")->items;
        const mlci_json *list = mlci_json_get(mlci_json_get(c, "logprobs"), "content");

        T_CHECK(list != NULL && list->n_items == 3, "three tokens");
        for (const mlci_json *t = list != NULL ? list->items : NULL; t != NULL; t = t->next)
            T_CHECK(mlci_json_get(t, "top_logprobs")->n_items == 2
                    && golden_number(mlci_json_get(t, "logprob")) <= 0
                    && golden_number(mlci_json_get(t, "logprob"))
                       == golden_number(mlci_json_get(mlci_json_get(t, "top_logprobs")->items,
                                                      "logprob")), "greedy is the top");
    }
    golden_close(&g);
    mlc_engine_close(e);
}

/* Where 3 bytes first are; a text may hold NULs. */
static size_t find3(const answer *a, const char *what)
{
    size_t at = 0;

    while (at + 3 <= a->n && memcmp(a->text + at, what, 3) != 0)
        at++;
    return at;
}

static void test_sampling(void)
{
    static answer a, b, c;
    mlc_engine *e = engine(0, 2, 0);
    char json[400], stop[8];

    T_CASE("same seed, same text; another seed, another");
    ask(e, "{\"prompt\":\"x\",\"max_tokens\":30,\"seed\":5,\"ignore_eos\":true}", &a);
    ask(e, "{\"prompt\":\"x\",\"max_tokens\":30,\"seed\":5,\"ignore_eos\":true}", &b);
    ask(e, "{\"prompt\":\"x\",\"max_tokens\":30,\"seed\":6,\"ignore_eos\":true}", &c);
    T_CHECK(a.n == b.n && memcmp(a.text, b.text, a.n) == 0, "%s / %s", a.text, b.text);
    T_CHECK(a.n != c.n || memcmp(a.text, c.text, a.n) != 0, "%s", c.text);

    /* Stop at every place of the text, so across all borders of tokens. */
    T_CASE("stop strings across token borders");
    ask(e, "{\"prompt\":\"abc def\",\"max_tokens\":40," OPTIONS "}", &a);
    for (size_t at = 0; at + 3 < a.n && at < 60; at++) {
        size_t used = 0, first;

        for (size_t i = 0; i < 3; i++)
            used += (unsigned char)a.text[at + i] >= 0x20 && a.text[at + i] != '"'
                 && a.text[at + i] != '\\' && (unsigned char)a.text[at + i] < 0x80;
        if (used < 3)
            continue;
        memcpy(stop, a.text + at, 3);
        stop[3] = 0;
        first = find3(&a, stop);
        for (int s = 0; s < 2; s++) {
            snprintf(json, sizeof json, "{\"prompt\":\"abc def\",\"max_tokens\":40,\"stop\":"
                     "[\"never there\",\"%s\"],\"stream\":%s," OPTIONS "}", stop,
                     s ? "true" : "false");
            ask(e, json, &b);
            T_CHECK(b.n == first && memcmp(a.text, b.text, b.n) == 0,
                    "stop at '%s' left %.*s", stop, (int)b.n, b.text);
        }
    }
    T_CASE("a stop string that never comes changes nothing");
    ask(e, "{\"prompt\":\"abc def\",\"max_tokens\":40,\"stop\":\"zzzzzzz\",\"stream\":true,"
        OPTIONS "}", &b);
    T_CHECK(b.n == a.n && memcmp(a.text, b.text, b.n) == 0, "%s", b.text);

    T_CASE("a biased token comes, and nothing else");
    ask(e, "{\"prompt\":\"x\",\"max_tokens\":4,\"logit_bias\":{\"300\":100}," OPTIONS "}", &a);
    {
        const char *piece;
        size_t n;

        mlc_tokenizer_piece(mlc_model_tokenizer(model), 300, &piece, &n);
        T_CHECK(a.n == 4 * n && memcmp(a.text, piece, n) == 0, "%s", a.text);
    }
    mlc_engine_close(e);
}

/* ---- many at once ------------------------------------------------------------------------ */

enum { MANY = 6 };

static void request_text(char *json, size_t cap, int i, bool stream)
{
    snprintf(json, cap, "{\"prompt\":\"%.*s question %d\",\"max_tokens\":%d,\"seed\":%d,"
             "\"stream\":%s,\"ignore_eos\":true}", 20 * i, "the quick brown fox jumps over the "
             "lazy dog and then the quick brown fox jumps over the lazy dog again and again and "
             "again until", i, 20 + 7 * i, i, stream ? "true" : "false");
}

static void test_beside(uint32_t sequences, uint64_t kv_tokens, const char *what)
{
    static answer alone[MANY], beside;
    mlc_engine *e = engine(0, 1, 0);
    mlc_request *r[MANY];
    char json[600], metrics[4096];

    T_CASE("%s: the same text alone and beside others", what);
    for (int i = 0; i < MANY; i++) {
        request_text(json, sizeof json, i, false);
        ask(e, json, &alone[i]);
    }
    mlc_engine_close(e);
    e = engine(0, sequences, kv_tokens);
    for (int i = 0; i < MANY; i++) {
        request_text(json, sizeof json, i, i % 2 == 1);
        r[i] = submit(e, json);
    }
    for (int i = 0; i < MANY; i++) {
        memset(&beside, 0, sizeof beside);
        T_CHECK(mlc_request_wait(r[i], collect, &beside) == MLC_OK && beside.bad == 0, "%s",
                beside.last);
        T_CHECK(beside.n == alone[i].n && memcmp(beside.text, alone[i].text, beside.n) == 0,
                "request %d: %s / %s", i, beside.text, alone[i].text);
        mlc_request_close(r[i]);
    }
    T_CHECK(mlc_engine_metrics(e, metrics, sizeof metrics, NULL) == MLC_OK
            && strstr(metrics, "\"finished\":6") != NULL, "%s", metrics);
    mlc_engine_close(e);
}

typedef struct asker { mlc_engine *e; int from; answer *answers; } asker;

static void ask_run(void *arg)
{
    asker *a = arg;
    char json[600];

    for (int i = a->from; i < MANY; i += 2) {
        mlc_request *r = NULL;

        request_text(json, sizeof json, i, i % 2 == 0);
        if (mlc_engine_submit(a->e, json, strlen(json), NULL, &r, NULL) == MLC_OK)
            mlc_request_wait(r, collect, &a->answers[i]);
        mlc_request_close(r);
    }
}

static void test_threads(void)
{
    static answer answers[2][MANY];
    mlc_engine *e = engine(0, 2, 0);
    mlci_thread threads[2];
    asker askers[2];

    T_CASE("two threads ask one engine");
    for (int round = 0; round < 2; round++) {
        for (int t = 0; t < 2; t++) {
            askers[t] = (asker){ e, t, answers[round] };
            T_CHECK(mlci_os_thread_start(&threads[t], ask_run, &askers[t]) == 0, "thread");
        }
        for (int t = 0; t < 2; t++)
            mlci_os_thread_join(&threads[t]);
    }
    for (int i = 0; i < MANY; i++)
        T_CHECK(answers[0][i].done == 1 && answers[0][i].n > 0
                && answers[0][i].n == answers[1][i].n
                && memcmp(answers[0][i].text, answers[1][i].text, answers[0][i].n) == 0,
                "request %d: %s", i, answers[0][i].last);
    mlc_engine_close(e);
}

static void test_next(void)
{
    mlc_engine *e = engine(0, 4, 0);
    mlc_request *r[3];
    int users[3] = { 0 }, last[3] = { 0 }, ended = 0;
    mlc_event event;

    T_CASE("events of all requests in one place");
    for (int i = 0; i < 3; i++) {
        const char *json = "{\"prompt\":\"a\",\"max_tokens\":8,\"stream\":true," OPTIONS "}";

        T_CHECK(mlc_engine_submit(e, json, strlen(json), &users[i], &r[i], &err) == MLC_OK, "%s",
                err.text);
    }
    while (ended < 3) {
        mlc_event_init(&event);
        if (mlc_engine_next(e, 10000, &event) != MLC_OK)
            break;
        ++*(int *)event.user;
        for (int i = 0; i < 3; i++) {
            if (event.request != r[i])
                continue;
            T_CHECK(event.user == &users[i] && last[i] == 0, "its user, and nothing after the "
                    "last");
            last[i] += event.kind == MLC_EVENT_DONE;
        }
        ended += event.kind == MLC_EVENT_DONE;
    }
    T_CHECK(ended == 3 && users[0] > 1 && users[1] > 1 && users[2] > 1, "%d ended", ended);
    mlc_event_init(&event);
    T_CHECK(mlc_engine_next(e, 20, &event) == MLC_ETIMEOUT, "then nothing");
    mlc_event_init(&event);
    T_CHECK(mlc_request_read(r[0], 0, &event) == MLC_ECLOSED, "a request that is read out");
    for (int i = 0; i < 3; i++)
        mlc_request_close(r[i]);
    mlc_engine_close(e);
}

/* ---- ends --------------------------------------------------------------------------------- */

static mlc_status stop_at_once(void *user, const mlc_event *e)
{
    answer *a = user;

    collect(a, e);
    return MLC_EIO;
}

typedef struct closer { mlc_engine *e; mlc_request *r; } closer;

static void close_run(void *arg)
{
    closer *c = arg;
    int64_t until = mlci_os_now_us() + 20000;

    while (mlci_os_now_us() < until)
        mlci_os_yield();
    mlc_engine_close(c->e);
}

static void test_ends(void)
{
    static answer a;
    mlc_engine *e = engine(0, 2, 0);
    const char *endless = "{\"prompt\":\"a\",\"stream\":true,\"max_tokens\":450," OPTIONS "}";
    mlc_request *r;
    mlc_event event;
    closer c;
    mlci_thread t;
    mlc_status st;

    T_CASE("cancel");
    r = submit(e, endless);
    mlc_event_init(&event);
    T_CHECK(mlc_request_read(r, -1, &event) == MLC_OK && event.kind == MLC_EVENT_CHUNK, "begun");
    mlc_request_cancel(r);
    memset(&a, 0, sizeof a);
    T_CHECK(mlc_request_wait(r, collect, &a) == MLC_OK && a.done == 1
            && strstr(a.last, "\"usage\":{") != NULL, "one usage chunk: %s", a.last);
    mlc_request_close(r);

    T_CASE("a callback that says no");
    r = submit(e, endless);
    memset(&a, 0, sizeof a);
    /* A reader that is late gets many tokens at once: only the first chunk is sure. */
    T_CHECK(mlc_request_wait(r, stop_at_once, &a) == MLC_EIO && a.chunks == 1, "%d chunks",
            a.chunks);
    mlc_request_close(r);

    T_CASE("close a request that runs, and go on");
    r = submit(e, endless);
    mlc_request_close(r);
    ask(e, "{\"prompt\":\"a\",\"max_tokens\":4," OPTIONS "}", &a);
    T_CHECK(a.done == 1, "%s", a.last);

    T_CASE("close the engine under a reader");
    r = submit(e, endless);
    c.e = e, c.r = r;
    T_CHECK(mlci_os_thread_start(&t, close_run, &c) == 0, "thread");
    do {
        mlc_event_init(&event);
        st = mlc_request_read(r, -1, &event);
    } while (st == MLC_OK);
    T_CHECK(st == MLC_ECLOSED, "%s", mlc_status_name(st));
    mlci_os_thread_join(&t);
    mlc_request_close(r);

    T_CASE("driven by the host");
    e = engine(MLC_ENGINE_MANUAL, 2, 0);
    r = submit(e, "{\"prompt\":\"a\",\"max_tokens\":6,\"stream\":true," OPTIONS "}");
    mlc_event_init(&event);
    T_CHECK(mlc_request_read(r, 0, &event) == MLC_ETIMEOUT, "nothing moves by itself");
    memset(&a, 0, sizeof a);
    for (int32_t busy = 1, steps = 0; busy && steps < 100; steps++) {
        T_CHECK(mlc_engine_step(e, &busy) == MLC_OK, "step");
        for (;;) {
            mlc_event_init(&event);
            if (mlc_request_read(r, 0, &event) != MLC_OK)
                break;
            collect(&a, &event);
        }
    }
    T_CHECK(a.done == 1 && a.chunks >= 2, "%d chunks", a.chunks);
    mlc_request_close(r);
    ask(e, "{\"prompt\":\"a\",\"max_tokens\":6," OPTIONS "}", &a);
    T_CHECK(a.done == 1, "wait steps itself: %s", a.last);
    mlc_engine_close(e);
    e = engine(0, 1, 0);
    T_CHECK(mlc_engine_step(e, &(int32_t){ 0 }) == MLC_EINVAL, "not with a thread of its own");
    mlc_engine_close(e);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const struct { const char *json; mlc_status status; const char *text; } bads[] = {
    { "", MLC_EINVAL, "JSON line 1" },
    { "{", MLC_EINVAL, "JSON line 1, column 2" },
    { "[]", MLC_EINVAL, "must be a JSON object" },
    { "{}", MLC_EINVAL, "messages: missing" },
    { "{\"messages\":[]}", MLC_EINVAL, "messages: must be an array of at least one" },
    { "{\"messages\":\"x\"}", MLC_EINVAL, "messages: " },
    { "{\"messages\":[1]}", MLC_EINVAL, "messages[0]: must be an object, not a number" },
    { "{\"messages\":[{\"content\":\"x\"}]}", MLC_EINVAL, "messages[0]" },
    { "{\"messages\":[{\"role\":5,\"content\":\"x\"}]}", MLC_EINVAL, "messages[0].role" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":5}]}", MLC_EINVAL, "messages[0].content" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}",
      MLC_EUNSUPPORTED, "messages[0].content[0].type" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", MLC_EUNSUPPORTED,
      "no chat template" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"chat_template\":\"{{ \"}",
      MLC_EFORMAT, "line 1" },
    { "{\"prompt\":\"\"}", MLC_EINVAL, "prompt" },
    { "{\"prompt\":{}}", MLC_EINVAL, "prompt" },
    { "{\"prompt\":[99999]}", MLC_EINVAL, "prompt[0]" },
    { "{\"prompt\":\"x\",\"temperature\":\"hot\"}", MLC_EINVAL,
      "temperature: must be a number, not a string" },
    { "{\"prompt\":\"x\",\"temperature\":-1}", MLC_EINVAL, "temperature: must be between" },
    { "{\"prompt\":\"x\",\"temperature\":1e999}", MLC_EINVAL, "temperature: must be between" },
    { "{\"prompt\":\"x\",\"top_p\":1.5}", MLC_EINVAL, "top_p" },
    { "{\"prompt\":\"x\",\"top_k\":1.5}", MLC_EINVAL, "top_k: must be a whole number" },
    { "{\"prompt\":\"x\",\"max_tokens\":0}", MLC_EINVAL, "max_tokens: must be at least 1" },
    { "{\"prompt\":\"x\",\"stream\":1}", MLC_EINVAL, "stream: must be true or false" },
    { "{\"prompt\":\"x\",\"seed\":\"a\"}", MLC_EINVAL, "seed" },
    { "{\"prompt\":\"x\",\"stop\":[1]}", MLC_EINVAL, "stop[0]: must be a string" },
    { "{\"prompt\":\"x\",\"stop\":\"\"}", MLC_EINVAL, "stop" },
    { "{\"prompt\":\"x\",\"logit_bias\":{\"512\":1}}", MLC_EINVAL, "logit_bias.512" },
    { "{\"prompt\":\"x\",\"logit_bias\":{\"5\":1000}}", MLC_EINVAL, "logit_bias.5" },
    { "{\"prompt\":\"x\",\"logit_bias\":[]}", MLC_EINVAL, "logit_bias" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"chat_template\":\"x\","
      "\"top_logprobs\":3}", MLC_EINVAL, "top_logprobs: needs" },
    { "{\"prompt\":\"x\",\"n\":2}", MLC_EUNSUPPORTED, "n: more than one" },
    { "{\"prompt\":\"x\",\"response_format\":{\"type\":\"json_object\"}}", MLC_EUNSUPPORTED,
      "response_format" },
};

static void test_errors(void)
{
    mlc_engine *e = engine(0, 1, 128);
    mlc_request *r = NULL, *first, *rest[4];
    static char json[8000];
    mlc_engine_options o;
    static answer a;

    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        mlc_status st;

        T_CASE("bad: %s", bads[i].json);
        memset(&err, 0, sizeof err);
        st = mlc_engine_submit(e, bads[i].json, strlen(bads[i].json), NULL, &r, &err);
        T_CHECK(st == bads[i].status && r == NULL && err.status == st
                && strstr(err.text, bads[i].text) != NULL, "%s: %s", mlc_status_name(st),
                err.text);
    }

    T_CASE("a prompt that can never fit");
    strcpy(json, "{\"prompt\":\"");
    for (int i = 0; i < 300; i++)
        strcat(json, "~ + ");
    strcat(json, "\"}");
    T_CHECK(mlc_engine_submit(e, json, strlen(json), NULL, &r, &err) == MLC_EKVFULL
            && strstr(err.text, "128") != NULL, "%s", err.text);

    T_CASE("an answer that fills the cache ends with \"length\"");
    ask(e, "{\"prompt\":\"a\",\"max_tokens\":100000," OPTIONS "}", &a);
    T_CHECK(strstr(a.last, "\"finish_reason\":\"length\"") != NULL, "%s", a.last);
    mlc_engine_close(e);

    T_CASE("a full queue");
    mlc_engine_options_init(&o);
    o.flags = MLC_ENGINE_MANUAL, o.max_queued = 2, o.max_sequences = 1;
    T_CHECK(mlc_engine_open(model, &o, &e, &err) == MLC_OK, "%s", err.text);
    first = submit(e, "{\"prompt\":\"a\",\"max_tokens\":5}");
    rest[0] = submit(e, "{\"prompt\":\"a\",\"max_tokens\":5}");
    T_CHECK(mlc_engine_submit(e, "{\"prompt\":\"a\"}", 14, NULL, &r, &err) == MLC_EKVFULL
            && r == NULL && strstr(err.text, "waiting") != NULL, "%s", err.text);
    mlc_request_close(first);
    mlc_request_close(rest[0]);
    mlc_engine_close(e);
    o.max_sequences = 1 << 30;
    T_CHECK(mlc_engine_open(model, &o, &e, &err) == MLC_EINVAL && e == NULL, "%s", err.text);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    T_CASE("open");
    T_CHECK(mlc_model_open(ctx, data_path("golden/tiny/gguf/llama/llama-Q4_0.gguf"), NULL,
                           &model, &err) == MLC_OK, "%s", err.text);
    if (model != NULL) {
        test_answers();
        test_sampling();
        test_beside(4, 0, "four sequences");
        test_beside(4, 192, "three pages for four sequences");
        test_threads();
        test_next();
        test_ends();
        test_errors();
    }
    mlc_model_close(model);
    mlc_context_close(ctx);
    return t_done();
}
