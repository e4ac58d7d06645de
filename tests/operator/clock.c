/* Loaded into a process, it shifts that process's wall clock by CLOCK_AHEAD seconds. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
  int failed = (int)syscall(SYS_clock_gettime, clock, time);
  if (!failed && clock == CLOCK_REALTIME)
    time->tv_sec += atol(getenv("CLOCK_AHEAD"));
  return failed;
}
