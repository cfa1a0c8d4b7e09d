/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.c - sizes and offsets of the public structs, one line each, for
 * check_abi.sh.  Public structs only ever grow at their end.
 */
#include "../../include/mlc.h"

#include <stdio.h>

#define SIZE(type) printf("%s %zu\n", #type, sizeof(type))
#define AT(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field))

int main(void)
{
    /* long: a list, one line a field */
    SIZE(mlc_error);
    AT(mlc_error, status);
    AT(mlc_error, os_error);
    AT(mlc_error, text);
    SIZE(mlc_context_options);
    AT(mlc_context_options, struct_size);
    AT(mlc_context_options, n_threads);
    AT(mlc_context_options, alloc);
    AT(mlc_context_options, alloc_user);
    AT(mlc_context_options, log);
    AT(mlc_context_options, log_user);
    AT(mlc_context_options, log_level);
    AT(mlc_context_options, reserved0);
    AT(mlc_context_options, cpu_tier);
    SIZE(mlc_device);
    AT(mlc_device, struct_size);
    AT(mlc_device, n_threads);
    AT(mlc_device, id);
    AT(mlc_device, name);
    AT(mlc_device, tiers);
    AT(mlc_device, tier);
    AT(mlc_device, memory_bytes);
    SIZE(mlc_source);
    AT(mlc_source, struct_size);
    AT(mlc_source, reserved0);
    AT(mlc_source, size_bytes);
    AT(mlc_source, read_at);
    AT(mlc_source, map);
    AT(mlc_source, release);
    AT(mlc_source, user);
    AT(mlc_source, name);
    SIZE(mlc_model_options);
    AT(mlc_model_options, struct_size);
    AT(mlc_model_options, flags);
    AT(mlc_model_options, device);
    AT(mlc_model_options, progress);
    AT(mlc_model_options, progress_user);
    AT(mlc_model_options, quantization);
    SIZE(mlc_model_info);
    AT(mlc_model_info, struct_size);
    AT(mlc_model_info, n_layers);
    AT(mlc_model_info, architecture);
    AT(mlc_model_info, name);
    AT(mlc_model_info, chat_template);
    AT(mlc_model_info, chat_template_bytes);
    AT(mlc_model_info, n_parameters);
    AT(mlc_model_info, file_bytes);
    AT(mlc_model_info, weight_bytes);
    AT(mlc_model_info, decode_bytes);
    AT(mlc_model_info, kv_bytes_per_token);
    AT(mlc_model_info, vocab_size);
    AT(mlc_model_info, width);
    AT(mlc_model_info, context_length);
    AT(mlc_model_info, sliding_window);
    AT(mlc_model_info, device);
    AT(mlc_model_info, format);
    AT(mlc_model_info, hash);
    SIZE(mlc_detokenizer);
    AT(mlc_detokenizer, pending);
    AT(mlc_detokenizer, n_pending);
    AT(mlc_detokenizer, flags);
    SIZE(mlc_session_options);
    AT(mlc_session_options, struct_size);
    AT(mlc_session_options, n_sequences);
    AT(mlc_session_options, kv_tokens);
    AT(mlc_session_options, max_rows);
    AT(mlc_session_options, max_logits);
    AT(mlc_session_options, kv_type);
    AT(mlc_session_options, reserved0);
    SIZE(mlc_row);
    AT(mlc_row, sequence);
    AT(mlc_row, token);
    AT(mlc_row, flags);
    AT(mlc_row, reserved0);
    AT(mlc_row, embedding);
    SIZE(mlc_engine_options);
    AT(mlc_engine_options, struct_size);
    AT(mlc_engine_options, flags);
    AT(mlc_engine_options, max_sequences);
    AT(mlc_engine_options, prefill_rows);
    AT(mlc_engine_options, kv_tokens);
    AT(mlc_engine_options, kv_type);
    AT(mlc_engine_options, max_queued);
    SIZE(mlc_grammar_options);
    AT(mlc_grammar_options, struct_size);
    AT(mlc_grammar_options, kind);
    AT(mlc_grammar_options, flags);
    AT(mlc_grammar_options, limit);
    SIZE(mlc_event);
    AT(mlc_event, struct_size);
    AT(mlc_event, kind);
    AT(mlc_event, request);
    AT(mlc_event, user);
    AT(mlc_event, json);
    AT(mlc_event, json_bytes);
    AT(mlc_event, text);
    AT(mlc_event, text_bytes);
    AT(mlc_event, status);
    AT(mlc_event, reserved0);
    return 0;
}
