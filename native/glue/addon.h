// Runs in: owner, template and child. Shared by the files of glue between JavaScript and C. Only they know Node-API.
#ifndef FORKSERVER_ADDON_H
#define FORKSERVER_ADDON_H
#define NAPI_VERSION 8
#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGUMENTS 8
typedef struct {
  napi_env env;
  size_t count;
  napi_value at[MAX_ARGUMENTS];
} arguments;

static inline arguments take(napi_env env, napi_callback_info info) {
  arguments all = {env, MAX_ARGUMENTS, {0}};
  napi_get_cb_info(env, info, &all.count, all.at, NULL, NULL);
  return all;
}

static inline int64_t number_at(const arguments *all, size_t index) {
  int64_t value = 0;
  napi_get_value_int64(all->env, all->at[index], &value);
  return value;
}

// The bytes of a typed array argument; count in elements. NULL and 0 for anything else.
static inline void *array_at(const arguments *all, size_t index, size_t *count) {
  void *data = NULL;
  *count = 0;
  if (napi_get_typedarray_info(all->env, all->at[index], NULL, count, &data, NULL, NULL) != napi_ok) *count = 0;
  return data;
}

static inline napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

// The functions that take at most three numbers and return one.
typedef double (*plain_call)(int64_t first, int64_t second, int64_t third);

#define PLAIN(name, expression) \
  static double name(int64_t first, int64_t second, int64_t third) { \
    (void)first; \
    (void)second; \
    (void)third; \
    return (double)(expression); \
  }

static inline napi_value CallPlain(napi_env env, napi_callback_info info) {
  arguments all = take(env, info);
  void *call = NULL;
  napi_get_cb_info(env, info, NULL, NULL, NULL, &call);
  return number(env, ((plain_call)call)(number_at(&all, 0), number_at(&all, 1), number_at(&all, 2)));
}

// One function that JavaScript sees: `call`, or CallPlain with a `plain` one.
struct export {
  const char *name;
  napi_callback call;
  plain_call plain;
};

static inline void export_all(napi_env env, napi_value exports, const struct export *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    void *plain = (void *)functions[i].plain;
    const napi_callback call = functions[i].call ? functions[i].call : CallPlain;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, call, plain, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
}

// addon-connections.c: for forkserver/connection.
void export_connections(napi_env env, napi_value exports);
// addon-fork.c: for a template and its children.
void export_fork(napi_env env, napi_value exports);
// addon-memory.c: kinds of memory that JavaScript cannot make.
void export_memory(napi_env env, napi_value exports);

#endif
