/* A disk on which the n-th write fails, for whole processes: loaded before the C library (LD_PRELOAD), it counts all
 * calls that change files below one folder, and lets one fail, or all from that one on. What Python, SQLite and the
 * object store in Rust do passes here alike. The numbers lie in a file that the tests map, too, so several processes
 * count together. See `preloaded.py`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, PWRITE, WRITEV, FSYNC, FTRUNCATE, CREATE, RENAME, LINK, MKDIR, UNLINK, N_CALLS };
enum { NONE = -1, IO_ERROR, NO_SPACE, SHORT };

/* Keep in step with `_State` of preloaded.py. */
struct state {
    atomic_long count;
    atomic_long fails_at; /* 0: never */
    atomic_long fault;
    atomic_long is_sticky;
    atomic_long rest_fails; /* after a short write */
    atomic_long hit;        /* 1 + the call that failed first */
    atomic_long calls[N_CALLS];
    char root[1024];
};

static struct state *state;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTY_DISK");
    if (!path)
        return;
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int descriptor = real_open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED)
        state = mapped;
}

static int is_below(const char *path) {
    size_t length = strlen(state->root);
    return length && !strncmp(path, state->root, length) && (path[length] == '/' || !path[length]);
}

static int is_file_of_ours(int descriptor) {
    char link[64], path[PATH_MAX];
    if (!state || !state->root[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_below(path);
}

/* Relative paths belong to somebody else: everything here names files from the root. */
static int is_path_of_ours(int folder, const char *path) {
    if (!state || !state->root[0] || !path)
        return 0;
    if (path[0] == '/')
        return is_below(path);
    return folder != AT_FDCWD && is_file_of_ours(folder);
}

static int next_fault(int call) {
    long number = atomic_fetch_add(&state->count, 1) + 1;
    atomic_fetch_add(&state->calls[call], 1);
    if (atomic_exchange(&state->rest_fails, 0))
        return NO_SPACE;
    long fails_at = state->fails_at;
    if (!fails_at || number < fails_at || (number > fails_at && !state->is_sticky))
        return NONE;
    if (number == fails_at)
        state->hit = call + 1;
    if (state->fault == SHORT)
        state->rest_fails = 1;
    return (int)state->fault;
}

static int fail(int fault) {
    errno = fault == IO_ERROR ? EIO : ENOSPC;
    return -1;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(write);
    if (!is_file_of_ours(descriptor))
        return real(descriptor, data, size);
    int fault = next_fault(WRITE);
    if (fault == NONE)
        return real(descriptor, data, size);
    return fault == SHORT && size > 1 ? real(descriptor, data, size / 2) : fail(fault);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    if (!is_file_of_ours(descriptor))
        return real(descriptor, data, size, at);
    int fault = next_fault(PWRITE);
    if (fault == NONE)
        return real(descriptor, data, size, at);
    return fault == SHORT && size > 1 ? real(descriptor, data, size / 2, at) : fail(fault);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) { return pwrite(descriptor, data, size, at); }

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    REAL(writev);
    if (!is_file_of_ours(descriptor))
        return real(descriptor, pieces, count);
    int fault = next_fault(WRITEV);
    return fault == NONE ? real(descriptor, pieces, count) : fail(fault);
}

#define WHOLE_FILE(name, call, ...) \
    REAL(name); \
    int fault = is_file_of_ours(descriptor) ? next_fault(call) : NONE; \
    return fault == NONE ? real(__VA_ARGS__) : fail(fault)

int fsync(int descriptor) { WHOLE_FILE(fsync, FSYNC, descriptor); }
int fdatasync(int descriptor) { WHOLE_FILE(fdatasync, FSYNC, descriptor); }
int ftruncate(int descriptor, off_t size) { WHOLE_FILE(ftruncate, FTRUNCATE, descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { WHOLE_FILE(ftruncate64, FTRUNCATE, descriptor, size); }

static int opened(int folder, const char *path, int flags) {
    if (!(flags & O_CREAT) || !is_path_of_ours(folder, path) || !faccessat(folder, path, F_OK, 0))
        return NONE;
    return next_fault(CREATE);
}

#define OPEN(name, folder, ...) \
    REAL(name); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    } \
    int fault = opened(folder, path, flags); \
    return fault == NONE ? real(__VA_ARGS__, mode) : fail(fault)

int open(const char *path, int flags, ...) { OPEN(open, AT_FDCWD, path, flags); }
int open64(const char *path, int flags, ...) { OPEN(open64, AT_FDCWD, path, flags); }
int openat(int at, const char *path, int flags, ...) { OPEN(openat, at, at, path, flags); }
int openat64(int at, const char *path, int flags, ...) { OPEN(openat64, at, at, path, flags); }

#define NAME(name, call, folder, path, ...) \
    REAL(name); \
    int fault = is_path_of_ours(folder, path) ? next_fault(call) : NONE; \
    return fault == NONE ? real(__VA_ARGS__) : fail(fault)

int rename(const char *from, const char *to) { NAME(rename, RENAME, AT_FDCWD, to, from, to); }
int renameat(int at, const char *from, int into, const char *to) { NAME(renameat, RENAME, into, to, at, from, into, to); }
int link(const char *from, const char *to) { NAME(link, LINK, AT_FDCWD, to, from, to); }
int linkat(int at, const char *from, int into, const char *to, int flags) {
    NAME(linkat, LINK, into, to, at, from, into, to, flags);
}
int mkdir(const char *path, mode_t mode) { NAME(mkdir, MKDIR, AT_FDCWD, path, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { NAME(mkdirat, MKDIR, at, path, at, path, mode); }
int unlink(const char *path) { NAME(unlink, UNLINK, AT_FDCWD, path, path); }
int unlinkat(int at, const char *path, int flags) { NAME(unlinkat, UNLINK, at, path, at, path, flags); }
