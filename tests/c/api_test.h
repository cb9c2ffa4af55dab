/* The parts of api_test, one for each subject. */
#ifndef MPROC_API_TEST_H
#define MPROC_API_TEST_H

void api_domain(void);
void api_lock(void);
void api_value(void);
void api_array(void);
void api_queue(void);
void api_cancel(void);
void api_handle(void);
int api_handle_child(void);
void api_pipe(void);
int api_pipe_child(void);
void api_inplace(void);
void api_jobs(void);
int api_jobs_child(void);
void api_options(void);

#endif
