/* librabbitmq alone: takes deliveries, counts them, acknowledges. Decodes nothing: the floor under every worker.
 *
 * consumer HOST PORT QUEUE ACK_EVERY MARKS PROCESSES
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHANNEL = 1, WINDOW = 100 };

static volatile sig_atomic_t stopping;

static void on_terminate(int number) {
    (void)number;
    stopping = 1;
}

static void need(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The record that contestants/python/marks.py describes: how many, the first, the last. */
static uint64_t *open_marks(const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/%d-0", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT, 0600);
    need(file >= 0 && ftruncate(file, 24) == 0, "opening the marks");
    void *memory = mmap(NULL, 24, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    need(memory != MAP_FAILED, "mapping the marks");
    return memory;
}

static amqp_connection_state_t open_connection(const char *host, int port) {
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    need(socket && amqp_socket_open(socket, host, port) == AMQP_STATUS_OK, "connecting");
    amqp_rpc_reply_t reply =
        amqp_login(connection, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    need(reply.reply_type == AMQP_RESPONSE_NORMAL, "logging in");
    need(amqp_channel_open(connection, CHANNEL) != NULL, "opening a channel");
    return connection;
}

static void consume(amqp_connection_state_t connection, uint64_t *marks, unsigned every) {
    uint64_t tag = 0, unacked = 0;
    while (!stopping) {
        struct timeval patience = {0, 100000};
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(connection);
        amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &patience, 0);
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
            need(reply.library_error == AMQP_STATUS_TIMEOUT, "consuming");
            continue;
        }
        tag = envelope.delivery_tag;
        marks[2] = now();
        marks[1] = marks[0] ? marks[1] : marks[2];
        marks[0] += 1;
        if (++unacked == every) {
            amqp_basic_ack(connection, CHANNEL, tag, every > 1);
            unacked = 0;
        }
        amqp_destroy_envelope(&envelope);
    }
    if (unacked) {
        amqp_basic_ack(connection, CHANNEL, tag, 1);
    }
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
}

int main(int count, char **words) {
    need(count == 7, "reading the command line");
    pid_t child = 0;
    for (int left = atoi(words[6]); left > 1 && (child = fork()) != 0; left--) {
    }
    signal(SIGTERM, on_terminate);
    amqp_connection_state_t connection = open_connection(words[1], atoi(words[2]));
    amqp_basic_qos(connection, CHANNEL, 0, WINDOW, 0);
    amqp_bytes_t queue = amqp_cstring_bytes(words[3]);
    need(amqp_basic_consume(connection, CHANNEL, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table) != NULL, "consuming");
    consume(connection, open_marks(words[5]), (unsigned)atoi(words[4]));
    if (child) {
        kill(child, SIGTERM);
        /* It acknowledges its last ones: whoever waits for us takes that for done. */
        waitpid(child, NULL, 0);
    }
    return 0;
}
