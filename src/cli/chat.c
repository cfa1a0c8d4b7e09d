/* SPDX-License-Identifier: Apache-2.0
 *
 * chat.c - mlc chat: a conversation in the terminal.
 *
 * The whole conversation is sent with every turn; the engine finds what it has
 * computed already.  Commands begin with a slash; they are a table.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For models without a chat template: turns as a play. */
static const char ch_plain_template[] =
    "{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}\n{% endfor %}"
    "Assistant:";

typedef struct ch_state {
    const cli_options *options;
    mlc_context *ctx;
    mlc_model   *model;
    mlc_engine  *engine;
    char        *path;
    cJSON       *settings;      /* sampling members of the request               */
    char        *system;
    cJSON       *messages;
    cJSON       *usage;         /* of the last answer                            */
    bool         plain;         /* the model has no template                     */
    bool         quit;
} ch_state;

/* ---- the model ------------------------------------------------------------------------- */

static void ch_close_model(ch_state *c)
{
    mlc_engine_close(c->engine);
    mlc_model_close(c->model);
    mlc_context_close(c->ctx);
    c->engine = NULL;
    c->model = NULL;
    c->ctx = NULL;
}

static int ch_open_model(ch_state *c, const char *path)
{
    mlc_engine_options eo;
    mlc_model_info info;
    mlc_device device;
    mlc_error err;

    if (cli_open(c->options, &c->ctx, path, 0, &c->model) != 0) {
        c->ctx = NULL;
        c->model = NULL;
        return 1;
    }
    mlc_engine_options_init(&eo);
    eo.max_sequences = 1;
    eo.kv_type = c->options->kv == NULL ? MLC_KV_AUTO
               : strcmp(c->options->kv, "f32") == 0 ? MLC_KV_F32 : MLC_KV_F16;
    if (mlc_engine_open(c->model, &eo, &c->engine, &err) != MLC_OK) {
        ch_close_model(c);
        return cli_fail_status(&err);
    }
    mlc_model_info_init(&info);
    (void)mlc_model_get_info(c->model, &info);
    c->plain = info.chat_template == NULL;
    if (isatty(STDERR_FILENO)) {
        mlc_device_init(&device);
        for (size_t i = 0; mlc_context_device(c->ctx, i, &device) == MLC_OK; i++)
            fprintf(stderr, "found device %s: %s, %u threads, %s\n", device.id, device.name,
                    device.n_threads, device.tier);
        fprintf(stderr, "%s on %s; /help lists the commands\n",
                info.name[0] != 0 ? info.name : path, info.device);
        if (c->plain)
            fprintf(stderr, "the model has no chat template: it may not answer well\n");
    }
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------ */

static void ch_add_message(cJSON *messages, const char *role, const char *content)
{
    cJSON *m = cJSON_CreateObject();

    cJSON_AddStringToObject(m, "role", role);
    cJSON_AddStringToObject(m, "content", content);
    cJSON_AddItemToArray(messages, m);
}

static cJSON *ch_request(const ch_state *c)
{
    cJSON *request = cJSON_Duplicate(c->settings, true), *messages, *stop;
    const cJSON *m;

    messages = cJSON_AddArrayToObject(request, "messages");
    if (c->system != NULL)
        ch_add_message(messages, "system", c->system);
    cJSON_ArrayForEach(m, c->messages)
        cJSON_AddItemToArray(messages, cJSON_Duplicate(m, true));
    cJSON_AddBoolToObject(request, "stream", true);
    if (c->plain) {
        cJSON_AddStringToObject(request, "chat_template", ch_plain_template);
        stop = cJSON_GetObjectItem(request, "stop");
        if (stop == NULL)
            stop = cJSON_AddArrayToObject(request, "stop");
        cJSON_AddItemToArray(stop, cJSON_CreateString("\nUser:"));
    }
    return request;
}

/* Answer the conversation as it stands; the answer joins it. */
static void ch_answer(ch_state *c)
{
    cli_answer a = { NULL, 0, NULL, false };
    cJSON *request;
    mlc_error err;
    mlc_status st;

    if (c->engine == NULL) {
        cli_fail("there is no model: /reload MODEL");
        return;
    }
    memset(&err, 0, sizeof err);
    request = ch_request(c);
    st = cli_stream(c->engine, request, &a, &err);
    cJSON_Delete(request);
    putchar('\n');
    fflush(stdout);
    if (st != MLC_OK) {
        cli_fail_status(&err);
    } else {
        ch_add_message(c->messages, "assistant", a.text != NULL ? a.text : "");
        cJSON_Delete(c->usage);
        c->usage = a.usage;
        a.usage = NULL;
    }
    cli_answer_reset(&a);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void ch_help(ch_state *c, char *rest);

static void ch_exit(ch_state *c, char *rest)
{
    (void)rest;
    c->quit = true;
}

static double ch_number(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItem(o, key);

    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

static void ch_stats(ch_state *c, char *rest)
{
    const cJSON *x = cJSON_GetObjectItem(c->usage, "extra");

    (void)rest;
    if (x == NULL) {
        printf("no answer yet\n");
        return;
    }
    printf("prompt %.0f tokens (%.0f of them known already), answer %.0f tokens\n"
           "prefill %.1f tokens/s, decode %.1f tokens/s, first token after %.3f s\n",
           ch_number(c->usage, "prompt_tokens"),
           ch_number(c->usage, "prompt_tokens") - ch_number(x, "prefill_tokens"),
           ch_number(c->usage, "completion_tokens"), ch_number(x, "prefill_tokens_per_s"),
           ch_number(x, "decode_tokens_per_s"), ch_number(x, "time_to_first_token_s"));
}

static void ch_metrics(ch_state *c, char *rest)
{
    char text[4096];

    (void)rest;
    if (c->engine != NULL
        && mlc_engine_metrics(c->engine, text, sizeof text, NULL) == MLC_OK)
        printf("%s\n", text);
}

static void ch_reset(ch_state *c, char *rest)
{
    (void)rest;
    cJSON_Delete(c->messages);
    c->messages = cJSON_CreateArray();
    printf("the conversation starts anew\n");
}

static void ch_reload(ch_state *c, char *rest)
{
    char *path = strdup(rest[0] != 0 ? rest : c->path);

    ch_close_model(c);
    if (path != NULL && ch_open_model(c, path) == 0) {
        free(c->path);
        c->path = path;
        ch_reset(c, rest);
    } else {
        free(path);
    }
}

static void ch_show_settings(const ch_state *c)
{
    const cJSON *s;

    printf("system=%s\n", c->system != NULL ? c->system : "");
    cJSON_ArrayForEach(s, c->settings) {
        char *value = cJSON_PrintUnformatted(s);

        printf("%s=%s\n", s->string, value != NULL ? value : "");
        cJSON_free(value);
    }
}

/* "key=value;key=value"; system takes the rest of the line. */
static void ch_set(ch_state *c, char *rest)
{
    if (rest[0] == 0) {
        ch_show_settings(c);
        return;
    }
    while (*rest != 0) {
        char *eq = strchr(rest, '='), *end;
        const char *why;

        if (eq == NULL) {
            cli_fail("/set wants key=value, as in /set temperature=0.5;top_p=0.8");
            return;
        }
        *eq = 0;
        if (strcmp(rest, "system") == 0) {
            free(c->system);
            c->system = eq[1] != 0 ? strdup(eq + 1) : NULL;
            return;
        }
        end = strchr(eq + 1, ';');
        if (end != NULL)
            *end = 0;
        why = cli_set_sampling(c->settings, rest, eq + 1);
        if (why != NULL)
            cli_fail("/set: %s=%s: %s, system", rest, eq + 1, why);
        rest = end != NULL ? end + 1 : eq + 1 + strlen(eq + 1);
    }
}

static void ch_save(ch_state *c, char *rest)
{
    cJSON *all = cJSON_CreateObject();
    FILE *f = rest[0] != 0 ? fopen(rest, "w") : NULL;
    char *text;

    if (c->system != NULL)
        cJSON_AddStringToObject(all, "system", c->system);
    cJSON_AddItemReferenceToObject(all, "settings", c->settings);
    cJSON_AddItemReferenceToObject(all, "messages", c->messages);
    text = cJSON_Print(all);
    if (f == NULL || text == NULL || fprintf(f, "%s\n", text) < 0)
        cli_fail("/save: cannot write \"%s\"", rest);
    else
        printf("saved %d messages\n", cJSON_GetArraySize(c->messages));
    if (f != NULL && fclose(f) != 0)
        cli_fail("/save: cannot write \"%s\"", rest);
    cJSON_free(text);
    cJSON_Delete(all);
}

static bool ch_valid_messages(const cJSON *messages)
{
    const cJSON *m;

    if (!cJSON_IsArray(messages))
        return false;
    cJSON_ArrayForEach(m, messages)
        if (!cJSON_IsString(cJSON_GetObjectItem(m, "role"))
            || !cJSON_IsString(cJSON_GetObjectItem(m, "content")))
            return false;
    return true;
}

static void ch_load(ch_state *c, char *rest)
{
    size_t n;
    char *text = rest[0] != 0 ? cli_read_file(rest, &n) : NULL;
    cJSON *all = text != NULL ? cJSON_Parse(text) : NULL;
    cJSON *messages = cJSON_GetObjectItem(all, "messages");
    const cJSON *system = cJSON_GetObjectItem(all, "system");

    if (text != NULL && !ch_valid_messages(messages))
        cli_fail("/load: \"%s\" is no saved conversation", rest);
    else if (rest[0] == 0)
        cli_fail("/load wants a file");
    if (ch_valid_messages(messages)) {
        cJSON_Delete(c->messages);
        c->messages = cJSON_DetachItemFromObject(all, "messages");
        if (cJSON_IsObject(cJSON_GetObjectItem(all, "settings"))) {
            cJSON_Delete(c->settings);
            c->settings = cJSON_DetachItemFromObject(all, "settings");
        }
        free(c->system);
        c->system = cJSON_IsString(system) ? strdup(system->valuestring) : NULL;
        printf("loaded %d messages\n", cJSON_GetArraySize(c->messages));
    }
    cJSON_Delete(all);
    free(text);
}

static void ch_regen(ch_state *c, char *rest)
{
    int n = cJSON_GetArraySize(c->messages);

    (void)rest;
    if (n < 2) {
        cli_fail("/regen: there is no answer yet");
        return;
    }
    cJSON_DeleteItemFromArray(c->messages, n - 1);
    ch_answer(c);
}

static const struct {
    const char *name, *arguments, *what;
    void (*run)(ch_state *c, char *rest);
} ch_commands[] = {
    { "help", "", "this list", ch_help },
    { "exit", "", "leave (also Ctrl-D)", ch_exit },
    { "stats", "", "speed of the last answer", ch_stats },
    { "metrics", "", "counters of the engine", ch_metrics },
    { "reset", "", "forget the conversation", ch_reset },
    { "reload", "[MODEL]", "open the model, or another one, anew", ch_reload },
    { "set", "key=value;...", "sampling options and system=TEXT; alone: show them", ch_set },
    { "save", "FILE", "write the conversation", ch_save },
    { "load", "FILE", "read one", ch_load },
    { "regen", "", "another answer to the last message", ch_regen },
};

enum { CH_N_COMMANDS = sizeof ch_commands / sizeof *ch_commands };

static void ch_help(ch_state *c, char *rest)
{
    (void)c, (void)rest;
    for (int i = 0; i < CH_N_COMMANDS; i++)
        printf("  /%-8s %-14s %s\n", ch_commands[i].name, ch_commands[i].arguments,
               ch_commands[i].what);
    printf("Ctrl-C stops an answer; Escape then Enter starts a new line.\n");
}

static void ch_command(ch_state *c, char *line)
{
    size_t n = strcspn(line + 1, " ");
    char *rest = line + 1 + n;

    rest += strspn(rest, " ");
    for (int i = 0; i < CH_N_COMMANDS; i++)
        if (strlen(ch_commands[i].name) == n && memcmp(line + 1, ch_commands[i].name, n) == 0) {
            ch_commands[i].run(c, rest);
            fflush(stdout);
            return;
        }
    cli_fail("there is no command /%.*s; /help lists those there are", (int)n, line + 1);
}

/* ---- the loop ------------------------------------------------------------ */

static void ch_loop(ch_state *c)
{
    cli_line *input = cli_line_open();
    char *line;

    while (input != NULL && !c->quit && (line = cli_line_read(input, ">>> ")) != NULL) {
        if (line[0] == '/') {
            ch_command(c, line);
        } else if (line[strspn(line, " \t\n")] != 0) {
            ch_add_message(c->messages, "user", line);
            ch_answer(c);
        }
        free(line);
    }
    cli_line_close(input);
}

int cli_chat(const cli_options *o)
{
    ch_state c;
    int rc;

    memset(&c, 0, sizeof c);
    c.options = o;
    rc = ch_open_model(&c, o->model);
    if (rc != 0)
        return rc;
    c.path = strdup(o->model);
    c.settings = cJSON_Duplicate(o->sampling, true);
    c.system = o->system != NULL ? strdup(o->system) : NULL;
    c.messages = cJSON_CreateArray();
    cli_catch_interrupt();
    ch_loop(&c);
    ch_close_model(&c);
    cJSON_Delete(c.settings);
    cJSON_Delete(c.messages);
    cJSON_Delete(c.usage);
    free(c.system);
    free(c.path);
    return 0;
}
