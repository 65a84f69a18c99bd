"""From identifiers to components: edges, engines, certification."""
