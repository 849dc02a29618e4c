"""Everything about some runs on one page of HTML that needs no network: collect → charts → page."""
