// SPDX-License-Identifier: Apache-2.0
// The version of the headers. While it begins with 0, only those of one minor version fit together; see
// docs/versioning.md.
#pragma once

/// Until it is 1, a minor version may change anything.
#define TINA_VERSION_MAJOR 0
/// What fits together has the same one.
#define TINA_VERSION_MINOR 1
/// Of releases that change no interface.
#define TINA_VERSION_PATCH 0
/// For comparisons: 10'000 times the major version, 100 times the minor one, and the patch.
#define TINA_VERSION (TINA_VERSION_MAJOR * 10'000 + TINA_VERSION_MINOR * 100 + TINA_VERSION_PATCH)
