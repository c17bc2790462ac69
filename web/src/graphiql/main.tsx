import './workers';
import 'graphiql/style.css';
import './style.css';
import { createRoot } from 'react-dom/client';
import { Page } from './Page';
import { loadContext } from './server';

const root = createRoot(document.getElementById('root') as HTMLElement);

try {
  root.render(<Page context={await loadContext()} />);
} catch (error) {
  root.render(
    <main className="lost">
      <h1>This page cannot be used here</h1>
      <p>{error instanceof Error ? error.message : 'The server does not answer.'}</p>
    </main>,
  );
}
