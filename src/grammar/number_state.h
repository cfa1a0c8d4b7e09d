/* SPDX-License-Identifier: Apache-2.0
 *
 * number_state.h - JSON numbers byte by byte: their languages, and what is left over of
 * them after divisors.
 */
#ifndef MLCI_NUMBER_STATE_H
#define MLCI_NUMBER_STATE_H

#include "machine.h"

/* A list of numbers for a list of formulas, before the first byte; 0: none is possible. */
uint32_t mlci_numbers_of(mlci_machine *m, uint32_t vec);
/* Is there a number of what is left of a language, with what is left over after divisors?
 * True where that was not settled. */
bool mlci_numbers_divisible(mlci_machine *m, mlci_rx language, uint32_t divisors);
/* After a byte; 0: it cannot come. */
uint32_t mlci_numbers_step(mlci_machine *m, uint32_t numbers, uint8_t byte);
/* Which formula it fits if it ends here; -1: none. */
int32_t  mlci_numbers_end(mlci_machine *m, uint32_t numbers);

#endif
