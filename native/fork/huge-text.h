// Runs in: template. Node's machine code in huge pages.
#ifndef FORKSERVER_HUGE_TEXT_H
#define FORKSERVER_HUGE_TEXT_H

// Puts the program's code into huge pages that a fork copies by one entry for 2 MiB. Returns how many bytes, 0 if the
// kernel gives no huge pages, or -errno if nothing was changed.
long move_text_to_huge_pages(void);

#endif
