# The same from Python, with ctypes alone: python3 hello.py libmlc.so.0 model.gguf
import ctypes, json, sys

mlc = ctypes.CDLL(sys.argv[1])
ctx, model, engine, request = (ctypes.c_void_p() for _ in range(4))
error = ctypes.create_string_buffer(256)              # mlc_error: its text is at 8

def check(status):
    if status != 0:
        sys.exit(error[8:].split(b"\0")[0].decode())

class Event(ctypes.Structure):                        # mlc_event, as mlc.h has it
    _fields_ = [("struct_size", ctypes.c_uint32), ("kind", ctypes.c_int32),
                ("request", ctypes.c_void_p), ("user", ctypes.c_void_p),
                ("json", ctypes.c_char_p), ("json_bytes", ctypes.c_size_t),
                ("text", ctypes.c_void_p), ("text_bytes", ctypes.c_size_t),
                ("status", ctypes.c_int32), ("reserved0", ctypes.c_uint32)]

@ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(Event))
def on_event(user, event):
    text = ctypes.string_at(event.contents.text, event.contents.text_bytes)
    print(text.decode(), end="", flush=True)
    return 0

body = json.dumps({"messages": [{"role": "user", "content": "What is the capital of France?"}],
                   "temperature": 0, "stream": True}).encode()
check(mlc.mlc_context_open(None, ctypes.byref(ctx), error))
check(mlc.mlc_model_open(ctx, sys.argv[2].encode(), None, ctypes.byref(model), error))
check(mlc.mlc_engine_open(model, None, ctypes.byref(engine), error))
check(mlc.mlc_engine_submit(engine, body, ctypes.c_size_t(len(body)), None,
                            ctypes.byref(request), error))
check(mlc.mlc_request_wait(request, on_event, None))
print()
for close, handle in ((mlc.mlc_request_close, request), (mlc.mlc_engine_close, engine),
                      (mlc.mlc_model_close, model), (mlc.mlc_context_close, ctx)):
    close(handle)
