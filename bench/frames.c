/*
 * What frames.ts is held against: the same work in C. Built by the bench.
 *
 *   frames receive IF ETHERTYPE [MS]   recvmmsg in a loop, which waits MS between two reads (0);
 *                                 on SIGUSR1 a line: frames so far
 *   frames send IF                a line `ETHERTYPE SIZE BATCH COUNT RATE` on stdin → frames are sent,
 *                                 BATCH a call, RATE a second (0: as fast as it goes); a line: µs a frame
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define SLOTS 64
#define SLOT_BYTES 2048

static unsigned char data[SLOTS][SLOT_BYTES];
static struct sockaddr_ll names[SLOTS];
static struct iovec iovecs[SLOTS];
static struct mmsghdr messages[SLOTS];
static volatile sig_atomic_t asked;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void on_signal(int number) {
  (void)number;
  asked = 1;
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void receive(int ifindex, unsigned ethertype, int ms) {
  struct timespec nap = {0, ms * 1000000L};
  struct sigaction action = {.sa_handler = on_signal};
  struct sockaddr_ll own = {.sll_family = AF_PACKET,
                            .sll_protocol = htons(ethertype),
                            .sll_ifindex = ifindex};
  int bytes = 4 << 20;
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("bind");
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < SLOTS; i++) {
    iovecs[i] = (struct iovec){data[i], SLOT_BYTES};
    messages[i].msg_hdr = (struct msghdr){
        .msg_name = &names[i], .msg_iov = &iovecs[i], .msg_iovlen = 1};
  }
  unsigned long frames = 0, sum = 0;
  puts("ready");
  fflush(stdout);
  for (;;) {
    for (int i = 0; i < SLOTS; i++) messages[i].msg_hdr.msg_namelen = sizeof names[i];
    int n = recvmmsg(fd, messages, SLOTS, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EINTR) die("recvmmsg");
    for (int i = 0; i < n; i++) {
      frames++;
      sum += names[i].sll_ifindex + names[i].sll_pkttype + names[i].sll_addr[5] + data[i][0] +
             messages[i].msg_len;
    }
    if (ms > 0 && n < SLOTS) nanosleep(&nap, NULL);
    if (asked) {
      asked = 0;
      printf("%lu %lu\n", frames, sum);
      fflush(stdout);
    }
  }
}

static void send_frames(int fd, int ifindex) {
  unsigned ethertype;
  int size, batch, count, rate;
  while (scanf("%i %d %d %d %d", (int *)&ethertype, &size, &batch, &count, &rate) == 5) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ethertype),
                             .sll_ifindex = ifindex,
                             .sll_halen = 6};
    memset(to.sll_addr, 0xff, 6);
    if (batch > SLOTS || size > SLOT_BYTES) die("too large");
    for (int i = 0; i < SLOTS; i++) {
      iovecs[i] = (struct iovec){data[i], size};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iovecs[i], .msg_iovlen = 1};
    }
    double start = now_us();
    for (int sent = 0; sent < count;) {
      int due = count - sent;
      if (rate > 0) {
        due = (now_us() - start) * rate / 1e6 - sent + 1;
        if (due < 1) {
          struct timespec nap = {0, 1000000000L / rate};
          nanosleep(&nap, NULL);
          continue;
        }
      }
      if (due > batch) due = batch;
      if (due > count - sent) due = count - sent;
      int n = sendmmsg(fd, messages, due, 0);
      if (n < 0 && errno != ENOBUFS) die("sendmmsg");
      if (n > 0) sent += n;
    }
    printf("%f\n", (now_us() - start) / count);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int ifindex = if_nametoindex(argv[2]);
  if (ifindex == 0) die(argv[2]);
  prctl(PR_SET_TIMERSLACK, 1L);
  if (argc >= 4 && !strcmp(argv[1], "receive"))
    receive(ifindex, strtoul(argv[3], NULL, 0), argc > 4 ? atoi(argv[4]) : 0);
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  puts("ready");
  fflush(stdout);
  send_frames(fd, ifindex);
  return 0;
}
