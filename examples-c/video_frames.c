/*
 * Video frames from one process to another without a copy: the camera paints each frame where the viewer reads
 * it. Two frames fit into the pipe, so the camera paints the next one while the viewer looks at this one.
 *
 *     cc -O2 video_frames.c $(pkg-config --cflags --libs mproc) && ./a.out
 */
#define _POSIX_C_SOURCE 200809L
#include <mproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 8, FRAME_BYTES = 1920 * 1080 * 3 };

/* Ends the program when a call failed, and says why; else gives the status. */
static int need(int status, const char *what) {
    mproc_error_t error;
    if (status < 0) {
        mproc_last_error(&error, sizeof error);
        fprintf(stderr, "%s: %s: %s\n", what, mproc_strerror(status), error.message);
        exit(1);
    }
    return status;
}

/* Every byte depends on the frame and on its place, so that what is missing, shifted or mixed up shows. */
static unsigned char byte_of(int frame, size_t place) {
    return (unsigned char)(place * 31 + (place >> 8) + (size_t)frame * 17);
}

static void camera(const mproc_pipe_t *viewer) {
    int frame;
    for (frame = 0; frame < FRAMES; frame++) {
        mproc_view_t view;
        unsigned char *pixels;
        size_t i;
        need(mproc_pipe_reserve(viewer, FRAME_BYTES, &view, MPROC_FOREVER, NULL), "reserve");
        pixels = view.data;
        for (i = 0; i < FRAME_BYTES; i++) {
            pixels[i] = byte_of(frame, i);
        }
        need(mproc_pipe_commit(viewer, view.id, FRAME_BYTES), "commit");
    }
}

static int is_intact(const mproc_view_t *view, int frame) {
    const unsigned char *pixels = view->data;
    size_t i;
    if (view->len != FRAME_BYTES) {
        return 0;
    }
    for (i = 0; i < FRAME_BYTES && pixels[i] == byte_of(frame, i); i++) {
    }
    return i == FRAME_BYTES;
}

int main(void) {
    mproc_pipe_options_t options = MPROC_PIPE_OPTIONS_INIT;
    mproc_pipe_t *in, *out;
    mproc_view_t view;
    int frames = 0, intact = 0, status;
    pid_t child;

    options.flags = MPROC_PIPE_ONEWAY;
    options.capacity_bytes = 2 * (FRAME_BYTES + 8);
    need(mproc_pipe_create(NULL, NULL, &options, &in, &out), "create the pipe");
    child = fork();
    if (child == 0) {
        mproc_pipe_close(in);
        camera(out);
        _exit(0);
    }
    if (child < 0) {
        perror("fork");
        return 1;
    }
    mproc_pipe_close(out);
    while ((status = mproc_pipe_peek(in, &view, MPROC_FOREVER, NULL)) != MPROC_EOF) { /* the camera is gone */
        need(status, "peek");
        intact += is_intact(&view, frames);
        frames++;
        need(mproc_pipe_release(in, view.id), "release");
    }
    mproc_pipe_close(in);
    if (waitpid(child, &status, 0) != child || status != 0 || frames != FRAMES || intact != FRAMES) {
        printf("%d frames, %d of %d intact\n", frames, intact, FRAMES);
        return 1;
    }
    printf("%d frames of %d bytes, all intact\n", frames, FRAME_BYTES);
    return 0;
}
