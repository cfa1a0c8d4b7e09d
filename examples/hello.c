/* hello.c - ask a model a question, print the answer as it comes.
 * cc hello.c $(pkg-config --cflags --libs mlc) && ./a.out model.gguf */
#include <mlc.h>
#include <stdio.h>
#include <string.h>

static mlc_status print(void *user, const mlc_event *event)
{
    size_t n = fwrite(event->text, 1, event->text_bytes, stdout);

    return (void)user, n == event->text_bytes && fflush(stdout) == 0 ? MLC_OK : MLC_EIO;
}

int main(int argc, char **argv)
{
    const char *json = "{\"messages\": [{\"role\": \"user\", \"content\": \"What is the "
                       "capital of France?\"}], \"temperature\": 0, \"stream\": true}";
    mlc_context *ctx = NULL;
    mlc_model *model = NULL;
    mlc_engine *engine = NULL;
    mlc_request *request = NULL;
    mlc_error err = { 0 };
    mlc_status st = mlc_context_open(NULL, &ctx, &err);

    if (st == MLC_OK)
        st = mlc_model_open(ctx, argc > 1 ? argv[1] : "model.gguf", NULL, &model, &err);
    if (st == MLC_OK)
        st = mlc_engine_open(model, NULL, &engine, &err);
    if (st == MLC_OK)
        st = mlc_engine_submit(engine, json, strlen(json), NULL, &request, &err);
    if (st == MLC_OK)
        st = mlc_request_wait(request, print, NULL);
    puts(st == MLC_OK ? "" : err.text);
    mlc_request_close(request);      /* closing NULL is fine */
    mlc_engine_close(engine);
    mlc_model_close(model);
    mlc_context_close(ctx);
    return st != MLC_OK;
}
