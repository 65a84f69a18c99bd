"""Stage graph: edges, protection, components, certificate."""
