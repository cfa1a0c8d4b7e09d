/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - the command line: commands and options as two tables.
 */
#include "cli.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MA_COMMON "device tier threads kv verbose help quantization verify "
#define MA_SAMPLING "temperature top-p top-k min-p repetition-penalty presence-penalty " \
                    "frequency-penalty seed max-tokens stop "

static const cli_command ma_commands[] = {
    { "chat", "MODEL", "talk to a model in the terminal",
      MA_COMMON MA_SAMPLING "system", cli_chat },
    { "run", "MODEL -p TEXT", "one answer on stdout",
      MA_COMMON MA_SAMPLING "prompt system raw", cli_run },
    { "score", "MODEL --text-file F | --ids 1,2,3", "log-probabilities of a text",
      MA_COMMON "json text-file ids no-special greedy adapter", cli_score },
    { "tokenize", "MODEL [--text-file F]", "text to token ids",
      "help verbose json text-file prompt no-special no-parse", cli_tokenize },
    { "detokenize", "MODEL --ids 1,2,3", "token ids to text", "help verbose json ids",
      cli_detokenize },
    { "template", "MODEL --json-file F", "the prompt that a chat request becomes",
      "help verbose json-file", cli_template },
    { "bench", "MODEL", "speed of prefill and decoding",
      MA_COMMON "json n-prompt n-decode depth repeat without", cli_bench },
    { "info", "MODEL", "what a model file is", "help verbose json verify", cli_info },
    { "pull", "NAME", "bring HF://user/repo, hf.co/user/repo:file or a URL; say where it lies",
      "help verbose cache-policy offline", cli_pull },
    { "list", "", "models that were brought", "help verbose", cli_list },
    { "remove", "NAME", "take one off the disk", "help verbose", cli_remove },
    { "convert", "MODEL -q q4f16_1 -o DIR", "write a model as an MLC directory",
      "help verbose threads tier quantization output for", cli_convert },
    { "quantize", "MODEL -q q4f16_1 -o DIR", "the same with the scales that lose least",
      "help verbose threads tier quantization output text-file", cli_quantize },
    { "devices", "", "compute devices found", "help verbose json tier threads",
      cli_devices },
    { "explain", "MODEL", "graph, compiler passes, kernels and memory",
      "help verbose pass device without ranks rank", cli_explain },
    { "grammar", "TOKENIZER --schema F | --regex R ...",
      "do texts fit a grammar; tokens that may come",
      "help verbose schema regex ebnf lark tag any check mask-after explain no-format "
      "tokenizer bench lax compact spaced in-order plain", cli_grammar },
    { "ir", "FILE", "read a module; print it with types, or run a function on made-up inputs",
      "help verbose run sizes passes", cli_ir },
};

typedef enum ma_kind { MA_TEXT, MA_INT, MA_FLAG, MA_FILES, MA_REQUEST } ma_kind;

typedef struct ma_option {
    const char *name;
    char        letter;
    ma_kind     kind;
    size_t      offset;
    const char *argument, *what;
} ma_option;

#define OPT(name, letter, kind, member, argument, what)                        \
    { name, letter, kind, offsetof(cli_options, member), argument, what }

static const ma_option ma_options[] = {
    OPT("prompt", 'p', MA_TEXT, prompt, "TEXT", "the prompt; - reads stdin"),
    OPT("system", 's', MA_TEXT, system, "TEXT", "system prompt"),
    OPT("raw", 0, MA_FLAG, raw, NULL, "continue the prompt as it is, without a template"),
    OPT("max-tokens", 'n', MA_REQUEST, sampling, "N", "longest answer in tokens"),
    OPT("temperature", 0, MA_REQUEST, sampling, "X", "0 = always the likeliest token"),
    OPT("top-p", 0, MA_REQUEST, sampling, "X", "only tokens of this much probability"),
    OPT("top-k", 0, MA_REQUEST, sampling, "N", "only the N likeliest tokens"),
    OPT("min-p", 0, MA_REQUEST, sampling, "X", "only tokens this likely beside the best"),
    OPT("repetition-penalty", 0, MA_REQUEST, sampling, "X", "1 = none"),
    OPT("presence-penalty", 0, MA_REQUEST, sampling, "X", "0 = none"),
    OPT("frequency-penalty", 0, MA_REQUEST, sampling, "X", "0 = none"),
    OPT("seed", 0, MA_REQUEST, sampling, "N", "the same seed gives the same text"),
    OPT("stop", 0, MA_REQUEST, sampling, "A,B", "stop before these strings"),
    OPT("text-file", 'f', MA_TEXT, text_file, "FILE", "the text; - reads stdin"),
    OPT("json-file", 0, MA_TEXT, json_file, "FILE", "a chat request; - reads stdin"),
    OPT("ids", 0, MA_TEXT, ids, "1,2,3", "token ids"),
    OPT("no-special", 0, MA_FLAG, no_special, NULL, "do not add BOS and EOS"),
    OPT("no-parse", 0, MA_FLAG, no_parse, NULL, "special tokens in the text are text"),
    OPT("greedy", 0, MA_INT, greedy, "N", "continue with the N likeliest tokens"),
    OPT("n-prompt", 'p', MA_INT, n_prompt, "N", "tokens of prefill (512)"),
    OPT("n-decode", 'n', MA_INT, n_decode, "N", "tokens of decoding (128)"),
    OPT("depth", 'd', MA_INT, depth, "N", "decode behind N tokens (0)"),
    OPT("repeat", 'r', MA_INT, repeat, "N", "take the median of N (3)"),
    OPT("without", 0, MA_TEXT, without, "A,B", "leave out compiler passes"),
    OPT("pass", 0, MA_TEXT, pass, "P", "all (the default), or before and after this one"),
    OPT("passes", 0, MA_TEXT, passes, "A,B", "passes to run first: common, dead, fuse"),
    OPT("ranks", 0, MA_INT, ranks, "N", "shared out among N"),
    OPT("rank", 0, MA_INT, rank, "R", "what this one of them does (0)"),
    OPT("run", 0, MA_TEXT, function, "NAME", "the function to run"),
    OPT("sizes", 0, MA_TEXT, sizes, "n=3,m=8", "its sizes; 4 if not named"),
    OPT("schema", 0, MA_TEXT, schema, "FILE", "a JSON Schema"),
    OPT("regex", 0, MA_TEXT, regex, "R", "a regular expression (ECMA-262)"),
    OPT("ebnf", 0, MA_TEXT, ebnf, "FILE", "a grammar: root ::= ..."),
    OPT("lark", 0, MA_TEXT, lark, "FILE", "a grammar: start: ..."),
    OPT("tag", 0, MA_TEXT, tag, "FILE", "free text with structural tags (docs/GRAMMAR.md)"),
    OPT("any", 0, MA_TEXT, any, "FILE", "any of several: [{\"regex\": ...}, ...]"),
    OPT("check", 0, MA_FILES, check, "FILE...", "do these files fit, and where not"),
    OPT("mask-after", 0, MA_TEXT, mask_after, "TEXT", "the tokens that may come then"),
    OPT("explain", 0, MA_FLAG, explain_grammar, NULL, "time, states, memory, what was left out"),
    OPT("bench", 0, MA_TEXT, bench, "DIR", "figures over schemas with instances, as JSON"),
    OPT("tokenizer", 0, MA_TEXT, model, "FILE", "the same as TOKENIZER"),
    OPT("no-format", 0, MA_FLAG, no_format, NULL, "\"format\" is a remark only"),
    OPT("lax", 0, MA_FLAG, lax, NULL, "leave out what cannot be enforced"),
    OPT("compact", 0, MA_FLAG, compact, NULL, "JSON without spaces"),
    OPT("spaced", 0, MA_FLAG, spaced, NULL, "one space behind each comma and colon"),
    OPT("in-order", 0, MA_FLAG, in_order, NULL, "members as \"properties\" lists them"),
    OPT("plain", 0, MA_FLAG, plain, NULL, "strings escape only what must be"),
    OPT("quantization", 'q', MA_TEXT, quantization, "Q", "weights as 4-bit codes: q4f16_1"),
    OPT("adapter", 0, MA_TEXT, adapter, "PATH", "a LoRA adapter: a directory or a GGUF file"),
    OPT("cache-policy", 0, MA_TEXT, cache_policy, "P", "on, off, redo or readonly"),
    OPT("offline", 0, MA_FLAG, offline, NULL, "use what is on this disk"),
    OPT("output", 'o', MA_TEXT, output, "DIR", "the directory to write; with --for the file"),
    OPT("for", 0, MA_TEXT, target, "DEVICE", "one file, laid out for a device (cpu)"),
    OPT("verify", 0, MA_FLAG, verify, NULL, "compare files with their checksums (MLC's)"),
    OPT("json", 0, MA_FLAG, json, NULL, "JSON on stdout"),
    OPT("device", 0, MA_TEXT, device, "D", "auto, cpu, cuda:0, vulkan:0, opencl:0"),
    OPT("tier", 0, MA_TEXT, tier, "T", "CPU instruction tier (mlc devices lists them)"),
    OPT("threads", 't', MA_INT, threads, "N", "CPU threads"),
    OPT("kv", 0, MA_TEXT, kv, "T", "type of keys and values: f16, f32"),
    OPT("verbose", 'v', MA_FLAG, verbose, NULL, "log to stderr"),
    OPT("help", 'h', MA_FLAG, help, NULL, "this text"),
};

enum { MA_N_COMMANDS = sizeof ma_commands / sizeof *ma_commands,
       MA_N_OPTIONS = sizeof ma_options / sizeof *ma_options };

static bool ma_takes(const cli_command *c, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = c->options; *p != 0; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && memcmp(p, name, n) == 0)
            return true;
    return false;
}

static int ma_usage(FILE *out)
{
    fprintf(out, "mlc %s - language models in one small program\n\n", mlc_version());
    for (int i = 0; i < MA_N_COMMANDS; i++)
        fprintf(out, "  mlc %-10s %-38s %s\n", ma_commands[i].name,
                ma_commands[i].arguments, ma_commands[i].what);
    fprintf(out, "\nmlc COMMAND --help lists the options of a command.\n");
    return out == stdout ? 0 : 2;
}

static int ma_command_usage(const cli_command *c)
{
    printf("mlc %s %s\n%s\n\n", c->name, c->arguments, c->what);
    for (int i = 0; i < MA_N_OPTIONS; i++) {
        const ma_option *o = &ma_options[i];
        char left[64];

        if (!ma_takes(c, o->name))
            continue;
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument != NULL ? " " : "",
                 o->argument != NULL ? o->argument : "");
        printf("  %c%c %-28s %s\n", o->letter != 0 ? '-' : ' ',
               o->letter != 0 ? o->letter : ' ', left, o->what);
    }
    return 0;
}

/* The option that an argument names, among those the command takes. */
static const ma_option *ma_find(const cli_command *c, const char *arg, const char **value)
{
    const char *eq = strchr(arg, '=');
    size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);

    *value = eq != NULL && strncmp(arg, "--", 2) == 0 ? eq + 1 : NULL;
    for (int i = 0; i < MA_N_OPTIONS; i++) {
        const ma_option *o = &ma_options[i];

        if (!ma_takes(c, o->name))
            continue;
        if (strncmp(arg, "--", 2) == 0 && n == strlen(o->name) + 2
            && memcmp(arg + 2, o->name, n - 2) == 0)
            return o;
        if (arg[0] == '-' && arg[1] == o->letter && o->letter != 0 && arg[2] == 0)
            return o;
    }
    return NULL;
}

static int ma_store(const ma_option *o, const char *value, cli_options *opts)
{
    char *to = (char *)opts + o->offset, *end;
    const char *why;
    long v;

    switch (o->kind) {
    case MA_FLAG:
        if (strcmp(o->name, "verbose") == 0)
            opts->verbose++;
        else
            *(bool *)(void *)to = true;
        return 0;
    case MA_TEXT:
        *(const char **)(void *)to = value;
        return 0;
    case MA_INT:
        v = strtol(value, &end, 10);
        if (*value == 0 || *end != 0 || v < 0 || v > 1 << 30)
            return cli_fail("--%s: \"%s\" is no number", o->name, value);
        *(int *)(void *)to = (int)v;
        return 0;
    case MA_FILES:
        *(cli_files *)(void *)to = (cli_files){ value, NULL, 0 };
        return 0;
    case MA_REQUEST:
        why = cli_set_sampling(opts->sampling, o->name, value);
        return why != NULL ? cli_fail("--%s: %s", o->name, why) : 0;
    }
    return 0;
}

/* No option; "-" is stdin. */
static bool ma_is_value(const char *arg) { return arg[0] != '-' || arg[1] == 0; }

static int ma_parse(const cli_command *c, int argc, char **argv, cli_options *o)
{
    for (int i = 0; i < argc; i++) {
        const ma_option *opt;
        const char *value;
        int rc;

        if (ma_is_value(argv[i])) {
            if (o->model != NULL || c->arguments[0] == 0)
                return cli_fail("mlc %s: \"%s\" is one argument too many", c->name,
                                argv[i]);
            o->model = argv[i];
            continue;
        }
        opt = ma_find(c, argv[i], &value);
        if (opt == NULL)
            return cli_fail("mlc %s has no option %s; see mlc %s --help", c->name, argv[i],
                            c->name);
        if (opt->kind != MA_FLAG && value == NULL) {
            if (i + 1 == argc)
                return cli_fail("%s wants a value", argv[i]);
            value = argv[++i];
        }
        rc = ma_store(opt, value, o);
        if (rc != 0)
            return rc;
        if (opt->kind == MA_FILES) {
            cli_files *files = (cli_files *)(void *)((char *)o + opt->offset);

            for (files->more = argv + i + 1; i + 1 < argc && ma_is_value(argv[i + 1]); i++)
                files->n_more++;
        }
    }
    if (o->model == NULL && c->arguments[0] != 0 && !o->help)
        return cli_fail("mlc %s wants a model file: mlc %s %s", c->name, c->name,
                        c->arguments);
    return 0;
}

/* Commands that want a model also take its name on the net. */
static int ma_run(const cli_command *c, cli_options *o)
{
    const int rc = o->model != NULL && strncmp(c->arguments, "NAME", 4) != 0 ? cli_resolve(o) : 0;

    return rc != 0 ? rc : c->run(o);
}

int main(int argc, char **argv)
{
    cli_options o = { .n_prompt = 512, .n_decode = 128, .repeat = 3 };
    int rc;

    if (argc < 2)
        return ma_usage(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0
        || strcmp(argv[1], "help") == 0)
        return ma_usage(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        printf("mlc %s (ABI %d)\n", mlc_version(), mlc_abi());
        return 0;
    }
    for (int i = 0; i < MA_N_COMMANDS; i++) {
        if (strcmp(argv[1], ma_commands[i].name) != 0)
            continue;
        o.sampling = cJSON_CreateObject();
        rc = ma_parse(&ma_commands[i], argc - 2, argv + 2, &o);
        if (rc == 0)
            rc = o.help ? ma_command_usage(&ma_commands[i]) : ma_run(&ma_commands[i], &o);
        cJSON_Delete(o.sampling);
        free(o.resolved);
        if (fflush(stdout) != 0 && rc == 0)
            rc = cli_fail("cannot write to stdout");
        return rc;
    }
    cli_fail("there is no command \"%s\"", argv[1]);
    return ma_usage(stderr);
}
