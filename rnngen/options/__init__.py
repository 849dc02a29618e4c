"""Every option, declared once: its name, type, default, range and help; and how values reach it."""
