// SPDX-License-Identifier: Apache-2.0
// Tests of the simulated network beyond what a kernel's loopback can show: faults, partitions, power, events.
#include <boost/test/unit_test.hpp>
