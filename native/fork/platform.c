// Runs in: template and child. See platform.h.
#include "platform.h"
#include "clock.h"
#include "random.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

// v8::Local<T>: one pointer, passed and returned in a register.
typedef struct {
  void *first;
} local_handle;

// A std::unique_ptr comes back through memory, as a large struct does.
typedef struct {
  void *object;
  void *room[3];
} by_memory;

static void *(*isolate_current)(void);
static void *(*current_context)(void *isolate);
static void *(*current_environment)(local_handle context);
static void *(*environment_platform)(void *environment);
static void *(*tracing_controller)(void *platform);
static by_memory (*create_platform)(int threads, void *tracing, void *page_allocator);
static void (*drain_tasks)(void *platform, void *isolate);
static void (*notify_low_memory)(void *isolate);
static void (*notify_context_disposed)(void *isolate, int has_dependants);
static void (*add_near_heap_limit)(void *isolate, void *callback, void *data);
static void (*remove_near_heap_limit)(void *isolate, void *callback, size_t limit);
static void (*at_exit)(void *environment, void (*callback)(void *), void *argument);

struct symbol {
  void *slot;
  const char *name;
};

static const struct symbol needed[] = {
    {&isolate_current, "_ZN2v87Isolate10GetCurrentEv"},
    {&current_context, "_ZN2v87Isolate17GetCurrentContextEv"},
    {&current_environment, "_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE"},
    {&environment_platform, "_ZN4node23GetMultiIsolatePlatformEPNS_11EnvironmentE"},
    {&tracing_controller, "_ZN4node12NodePlatform20GetTracingControllerEv"},
    {&create_platform, "_ZN4node20MultiIsolatePlatform6CreateEiPN2v817TracingControllerEPNS1_13PageAllocatorE"},
    {&drain_tasks, "_ZN4node12NodePlatform10DrainTasksEPN2v87IsolateE"},
    {&at_exit, "_ZN4node6AtExitEPNS_11EnvironmentEPFvPvES2_"},
};

// Without them a child is slower, or lacks one option.
static const struct symbol optional[] = {
    {&notify_low_memory, "_ZN2v87Isolate21LowMemoryNotificationEv"},
    {&notify_context_disposed, "_ZN2v87Isolate27ContextDisposedNotificationEb"},
    {&add_near_heap_limit, "_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_"},
    {&remove_near_heap_limit, "_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm"},
};

// Returns the first symbol that is not there, or NULL.
static const char *find_symbols(const struct symbol *symbols, size_t count) {
  const char *missing = NULL;
  for (size_t i = 0; i < count; i++) {
    void *found = dlsym(RTLD_DEFAULT, symbols[i].name);
    *(void **)symbols[i].slot = found;
    if (!found && !missing) missing = symbols[i].name;
  }
  return missing;
}

const char *find_platform(void) {
  static int is_found = 0;
  if (is_found) return NULL;
  const char *missing = find_symbols(needed, sizeof needed / sizeof *needed);
  if (missing) return missing;
  find_symbols(optional, sizeof optional / sizeof *optional);
  is_found = 1;
  return NULL;
}

static void *environment(void) {
  local_handle context = {current_context(isolate_current())};
  return current_environment(context);
}

int check_random(void) { return find_random(isolate_current(), current_context(isolate_current())); }

int renew_random(void) { return reseed_random(current_context(isolate_current())); }

int find_beginning(long long origin_us, long long earliest_ns, long long latest_ns) {
  return find_clocks(environment(), origin_us, earliest_ns, latest_ns);
}

int set_locale(const char *name, int icu) {
  char symbol[32];
  snprintf(symbol, sizeof symbol, "uloc_setDefault_%d", icu);
  void (*set_default)(const char *, int *) = (void (*)(const char *, int *))dlsym(RTLD_DEFAULT, symbol);
  const char *changed = "_ZN2v87Isolate37LocaleConfigurationChangeNotificationEv";
  void (*notify)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, changed);
  if (find_platform() || !set_default || !notify) return -ENOSYS;
  int status = 0; // ICU sets it to something that is no error, too
  set_default(name, &status);
  notify(isolate_current());
  return 0;
}

static void *platform(void) { return environment_platform(environment()); }

void drain_platform(void) { drain_tasks(platform(), isolate_current()); }

// A collection makes V8 expect a heap of the size that is left. V8 collects old objects again when the heap
// has grown to a few times that: a child would do so earlier than a fresh Node. V8 drops that expectation if
// it is told that a context is gone on which no other one depends. (In Node 20 another limit stays, that of
// the whole heap together with memory of embedders.)
void collect_garbage(int forget_limit) {
  if (notify_low_memory) notify_low_memory(isolate_current());
  if (forget_limit && notify_context_disposed) notify_context_disposed(isolate_current(), 0);
}

// V8's worker threads do not survive fork, and a thread that posts to their queue can block for ever (glibc's
// condition variable waits for waiters that are gone). NodePlatform keeps its runner in a std::shared_ptr that stands
// two words behind its pointer to the tracing controller, in Node 20, 22, 24 and 26. A second platform has a living
// runner: the two change places. The second platform is leaked together with the dead runner, because destroying it
// would join dead threads.
#define WORDS_SEARCHED 40
static int find_controller(void **old, void **fresh, void *tracing) {
  for (int word = 1; word < WORDS_SEARCHED - 3; word++)
    if (old[word] == tracing && (!fresh || fresh[word] == tracing)) return word;
  return -1;
}

int check_platform_layout(void) {
  void **words = platform();
  int at = find_controller(words, NULL, tracing_controller(words));
  return at > 0 && words[at + 2] && words[at + 3] ? 0 : -1;
}

int revive_platform(int threads) {
  void **old = platform();
  void *tracing = tracing_controller(old);
  void **fresh = create_platform(threads, tracing, NULL).object;
  int at = fresh ? find_controller(old, fresh, tracing) : -1;
  if (at < 0) return -1;
  for (int word = at + 2; word < at + 4; word++) {
    void *dead = old[word];
    old[word] = fresh[word];
    fresh[word] = dead;
  }
  return 0;
}

static size_t keep_limit(void *data, size_t current, size_t initial) {
  (void)data;
  (void)initial;
  return current;
}

// The heap's size is fixed when an isolate is made, before there is a child to set it for. But a caller that removes a
// near-heap-limit callback from V8 names the limit to go back to, and that may be smaller. Then the child runs out of
// memory as `node --max-old-space-size` does, with the same message and SIGABRT.
int set_heap_limit(size_t bytes) {
  if (find_platform() || !add_near_heap_limit || !remove_near_heap_limit) return -ENOSYS;
  void *isolate = isolate_current();
  add_near_heap_limit(isolate, (void *)keep_limit, NULL);
  remove_near_heap_limit(isolate, (void *)keep_limit, bytes);
  return 0;
}

int call_at_exit(void (*leave)(void *), void *argument) {
  at_exit(environment(), leave, argument);
  return 0;
}
