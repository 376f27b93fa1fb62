// The list of sinks that users may name in --event-sink, which sluiced generates for sbatch. It
// lets a mistake be refused while the user looks on; sluiced decides finally. Format, by lines:
//
//   # sluice sinks 1
//   NAME [users=U,U...] [groups=G,G...]
//
// U and G are names or numbers, `*` is everybody. With neither list the sink is everybody's; else
// a user on one of them may name it. Other words on a line, empty lines and further lines that
// start with '#' are skipped.
#pragma once

#include <cstddef>

#include "common/event/selection.h"

namespace sluice::spank {

// False if the calling process's user may not name one of the sinks, and then `error` says which
// and what they may. A list that cannot be read is warned of, and everything accepted. Root may
// name any sink that there is: it submits for others.
bool check_public_sinks(const char* path, const Selection& selection, char* error,
                        size_t error_size);

}  // namespace sluice::spank
