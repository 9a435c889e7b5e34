/* A disk that fails when it is told to. The file DISK_FAULTS says what is wrong at the moment:
     full       nothing can be written any more (ENOSPC)
     sync N     the Nth sync from now on fails, and all after it (EIO)
   An empty or missing file: all is well. The file SYNC_COUNT gets one byte per sync: SIGKILL alone proves none, because
   the page cache survives the process. Loaded with LD_PRELOAD by tests/faults.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long syncs_left = -1;

/* Only what the database writes: the log has to tell what happens. */
static int is_database(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, ".db") != NULL || strstr(path, ".sqlite") != NULL;
}

static void order(char *text, size_t size) {
  const char *path = getenv("DISK_FAULTS");
  text[0] = 0;
  if (path == NULL) return;
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  ssize_t length = read(file, text, size - 1);
  text[length > 0 ? length : 0] = 0;
  close(file);
}

static int is_full(int file) {
  char text[32];
  order(text, sizeof text);
  return strncmp(text, "full", 4) == 0 && is_database(file);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
  if (is_full(file)) return errno = ENOSPC, -1;
  return real(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
  if (is_full(file)) return errno = ENOSPC, -1;
  return real(file, bytes, count, at);
}

static void count(void) {
  const char *path = getenv("SYNC_COUNT");
  if (path == NULL) return;
  int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file < 0) return;
  if (write(file, "s", 1) != 1) abort();
  close(file);
}

static int sync_fails(int file) {
  char text[32];
  long wanted;
  int fails = 0;
  order(text, sizeof text);
  if (sscanf(text, "sync %ld", &wanted) != 1 || !is_database(file)) return 0;
  pthread_mutex_lock(&lock);
  if (syncs_left < 0) syncs_left = wanted;
  if (syncs_left > 0) syncs_left -= 1;
  fails = syncs_left == 0;
  pthread_mutex_unlock(&lock);
  return fails;
}

int fdatasync(int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
  count();
  if (sync_fails(file)) return errno = EIO, -1;
  return real(file);
}

int fsync(int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  count();
  if (sync_fails(file)) return errno = EIO, -1;
  return real(file);
}
