"""Values become terminal text, HTML pages and notebook cards; nothing here decides or writes."""
