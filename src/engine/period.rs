//! Budget periods, computed from time: labels, bounds, anchors, zones.
