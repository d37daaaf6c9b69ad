/*
 * Delays reads of files below a folder, as a network drive does. Loaded before a program (LD_PRELOAD). SLOW_FOLDER names the folder,
 * SLOW_MILLISECONDS the delay of each read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void wait_if_slow(int file) {
  const char *folder = getenv("SLOW_FOLDER");
  const char *milliseconds = getenv("SLOW_MILLISECONDS");
  if (folder == NULL || milliseconds == NULL) return;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) == 0) usleep(1000 * atoi(milliseconds));
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int file, void *bytes, size_t count) {
  wait_if_slow(file);
  return NEXT(read)(file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
  wait_if_slow(file);
  return NEXT(pread)(file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t offset) {
  wait_if_slow(file);
  return NEXT(pread64)(file, bytes, count, offset);
}

ssize_t preadv(int file, const struct iovec *parts, int count, off_t offset) {
  wait_if_slow(file);
  return NEXT(preadv)(file, parts, count, offset);
}

ssize_t preadv64(int file, const struct iovec *parts, int count, off64_t offset) {
  wait_if_slow(file);
  return NEXT(preadv64)(file, parts, count, offset);
}
