"""What makes objstore the store of agent frameworks: one module each, on the public face of both sides.

A module here needs its framework, which an extra brings: ``pip install 'objstore[langgraph]'`` for
`objstore.integrations.langgraph`. Nothing of objstore imports them.
"""
