/* Counts what a process asks the disk to keep: one byte in the file SYNC_COUNT_FILE per fsync or fdatasync.
   Loaded with LD_PRELOAD by tests/durability.rs; SIGKILL alone does not prove a sync, because the page cache
   survives the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void) {
  const char *path = getenv("SYNC_COUNT_FILE");
  if (path == NULL) return;
  int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file < 0) return;
  if (write(file, "s", 1) != 1) abort();
  close(file);
}

int fdatasync(int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  count();
  return real(file);
}

int fsync(int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  count();
  return real(file);
}
